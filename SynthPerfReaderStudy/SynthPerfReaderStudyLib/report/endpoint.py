"""The primary endpoint: which it is, and what came out, in one plain sentence."""

from __future__ import annotations

from dataclasses import dataclass

from SynthPerfLib.evaluation.report import number

from .context import Context
from .found import Row
from .words import measured, p_words

AREA_METHODS = ("or_jackknife_rrrc", "ustatistic", "or_delong_rrrc", "dbm_rrrc", "or_jackknife_frrc")
"""The first of them that the design allows is the one the sentence is about."""

_MEASURES = {"auc": "area under the ROC curve (AUC)", "sensitivity": "sensitivity", "specificity": "specificity"}


@dataclass(frozen=True)
class Endpoint:
    """What the study asks first.

    Attributes
    ----------
    item
        The question; None for a table of pairs.
    measure
        ``auc``, ``sensitivity``, ``specificity``, ``mean``, ``icc`` or ``bland_altman``.
    arms
        One, or two: the first minus the second; more only where nothing was planned.
    planned
        Whether a protocol fixed it before the first read.
    """

    item: str | None
    measure: str
    arms: tuple[str, ...]
    planned: bool


@dataclass(frozen=True)
class Answer:
    """The sentence, and what must be known beside it."""

    sentence: str
    remarks: tuple[str, ...] = ()


def endpoint_of(context: Context) -> Endpoint | None:
    """The protocol's primary endpoint, else the first that the data allow; None if there is nothing at all."""
    for planned in context.done.facts.get("endpoints", ()):
        if planned["kind"] == "primary":
            return Endpoint(planned["item"], planned["figure_of_merit"], tuple(planned["arms"]), True)
    found = context.found
    for analysis, measure in (("mrmc.auc_difference", "auc"), ("roc.auc_difference", "auc"), ("roc.auc", "auc")):
        rows = [row for row in found.of(analysis) if row.get("estimate") is not None]
        if rows:
            item = rows[0]["item"]
            arms = dict.fromkeys(row["arm"] for row in found.of("mrmc.auc", item=item))
            if len(arms) > 2:
                return Endpoint(item, "auc", tuple(arms), False)
            return _oriented(context, rows[0], measure)
    rows = [row for row in found.of("comparison", reader="average") if row["method"] in ("paired_t", "welch_t")]
    if rows:
        return _oriented(context, rows[0], "mean")
    if found.has("bland_altman"):
        row = found.of("bland_altman")[0]
        return Endpoint(row.get("item"), "bland_altman", ("x", "y"), False)
    rows = [row for row in found.of("agreement.icc", method="ICC(2,1)") if "reader" not in row]
    if rows:
        return Endpoint(rows[0]["item"], "icc", (rows[0]["arm"],), False)
    rows = found.of("agreement.kappa", method="fleiss")
    return Endpoint(rows[0]["item"], "kappa", (rows[0]["arm"],), False) if rows else None


def question(context: Context, endpoint: Endpoint) -> str:
    """The endpoint as a question."""
    if len(endpoint.arms) > 2:
        return (
            f"Does the {_MEASURES[endpoint.measure]} of readers differ between the {len(endpoint.arms)} arms "
            f"(item “{context.names.item(endpoint.item or '')}”)?"
        )
    arms = [f"“{context.names.arm(arm)}”" for arm in endpoint.arms]
    item = "" if endpoint.item is None else f" (item “{context.names.item(endpoint.item)}”)"
    if endpoint.measure in _MEASURES:
        words = _MEASURES[endpoint.measure]
        if len(arms) == 2:
            return f"Do readers reach another {words} with {arms[0]} than with {arms[1]}{item}?"
        return f"Which {words} do readers reach with {arms[0]}{item}?"
    if endpoint.measure == "mean":
        if len(arms) == 2:
            return f"Do readers give other scores to {arms[0]} than to {arms[1]}{item}?"
        return f"Which scores do readers give to {arms[0]}{item}?"
    if endpoint.measure == "bland_altman":
        return "How far do the two measurements of the same cases differ?"
    return f"How well do readers agree with one another in {arms[0]}{item}?"


def answer(context: Context, endpoint: Endpoint) -> Answer:
    """The sentence a reader of the report looks for; if there is no answer, why."""
    if len(endpoint.arms) > 2:
        return _any_difference(context, endpoint)
    if endpoint.measure in _MEASURES:
        return _share(context, endpoint)
    if endpoint.measure == "mean":
        return _mean(context, endpoint)
    if endpoint.measure == "bland_altman":
        return _limits(context, endpoint)
    return _agreement(context, endpoint)


def _any_difference(context: Context, endpoint: Endpoint) -> Answer:
    """The test of equality of more than two arms."""
    item, found = endpoint.item or "", context.found
    tests = [found.row("mrmc.test", method, item=item) for method in AREA_METHODS]
    test = next((row for row in tests if row is not None and row.get("p") is not None), None)
    if test is None:
        return Answer(f"There is no answer: {found.why('mrmc.test', item=item)}.")
    areas = [found.row("mrmc.auc", test["method"], item=item, arm=arm, reader="average") for arm in endpoint.arms]
    ends = sorted((row for row in areas if row is not None), key=lambda row: row["estimate"])
    low, high = (f"{number(row['estimate'], 3)} (“{context.names.arm(row['arm'])}”)" for row in (ends[0], ends[-1]))
    words = (
        f"The AUC of the average reader lay between {low} and {high}; {p_words(test['p'])} for equality of all arms."
    )
    alpha = 1 - context.done.settings.level
    verdict = (
        f"No difference between the arms was shown at the level of {alpha:.3g}. This does not show that there is none."
    )
    if test["p"] < alpha:
        verdict = (
            f"At least two arms differ at the level of {alpha:.3g}; which ones, is in the tables of the pairs, whose p "
            "values are not adjusted for their number."
        )
    return Answer(words, (verdict,))


def _oriented(context: Context, row: Row, measure: str) -> Endpoint:
    """New arm first: the settings' reference is the arm to compare with, otherwise the later one."""
    if "arm_b" not in row:
        return Endpoint(row["item"], measure, (row["arm"],), False)
    arms = (row["arm"], row["arm_b"])
    reference = context.done.settings.reference
    if reference in arms and reference == arms[0]:
        arms = (arms[1], arms[0])
    return Endpoint(row["item"], measure, arms, False)


def difference_of(context: Context, endpoint: Endpoint) -> tuple[Row | None, str]:
    """The row that answers an endpoint of two arms, and whose result it is."""
    found, item = context.found, endpoint.item or ""
    first, second = endpoint.arms
    analysis = f"mrmc.{endpoint.measure}_difference"
    best = None
    for method in AREA_METHODS:
        row = found.pair(analysis, method, first, second, item=item, reader="average")
        if row is not None and row.get("estimate") is not None:
            best = best or row
            if row.get("p") is not None:
                return row, "the average reader"
    if best is not None:
        return best, "the average reader"
    method = "delong_paired" if endpoint.measure == "auc" else "mcnemar_exact"
    readers = context.design.get("readers", [])
    for reader in readers if len(readers) == 1 else ():
        for name in (method, "delong_unpaired"):
            row = found.pair(f"roc.{endpoint.measure}_difference", name, first, second, item=item, reader=reader)
            if row is not None:
                return row, f"reader {reader}"
    return None, "the average reader"


def _share(context: Context, endpoint: Endpoint) -> Answer:
    item = endpoint.item or ""
    short = "AUC" if endpoint.measure == "auc" else endpoint.measure
    if len(endpoint.arms) == 1:
        return _one_arm(context, endpoint, short)
    first, second = (f"“{context.names.arm(arm)}”" for arm in endpoint.arms)
    row, who = difference_of(context, endpoint)
    if row is None:
        why = context.found.why(f"mrmc.{endpoint.measure}_difference", item=item)
        return Answer(f"There is no answer: {why}.")
    levels = [_level(context, endpoint, arm, row) for arm in endpoint.arms]
    against = f" ({levels[0]} against {levels[1]})" if all(levels) else ""
    sentence = f"With {first} the {short} of {who} was {_change(row['estimate'], 3)} {second}{against}"
    remarks = []
    if row.get("p") is None:
        return Answer(f"{sentence}; {row.get('note') or 'there is no test'}.")
    if row.get("ci_low") is not None:
        words = f"{context.level} % confidence interval of the difference {_ends(row, 3)}"
        sentence += f"; {words}"
    sentence += f"; {p_words(row['p'])}."
    remarks.append(_verdict(context, row["p"]))
    if who == "the average reader":
        remarks.append(
            "Readers and cases are both taken as random samples: the result is about readers and cases like these, "
            "not only about these."
            if row["method"].endswith("rrrc") or row["method"] == "ustatistic"
            else "The readers are taken as they are: the result is about these readers and cases like these."
        )
    margin = context.done.settings.margin
    if margin is not None and endpoint.measure == "auc" and row.get("ci_low") is not None:
        remarks.append(_noninferior(context, endpoint, row, margin))
    return Answer(sentence, tuple(remarks))


def _one_arm(context: Context, endpoint: Endpoint, short: str) -> Answer:
    item, arm = endpoint.item or "", endpoint.arms[0]
    row, who = None, "the average reader"
    for method in AREA_METHODS:
        row = row or context.found.row(f"mrmc.{endpoint.measure}", method, item=item, arm=arm, reader="average")
    if row is None:
        rows = context.found.of(f"roc.{endpoint.measure}", item=item, arm=arm)
        rows = [found for found in rows if found["method"] in ("delong", "wilson") and found["reader"] != "pooled"]
        if len(rows) > 1:
            mean = sum(found["estimate"] for found in rows) / len(rows)
            name = context.names.arm(arm)
            words = f"With “{name}” the mean {short} of {len(rows)} readers was {number(mean, 3)}."
            return Answer(words, ("One arm only: each reader's interval is in the table below.",))
        row, who = (rows[0], f"reader {rows[0]['reader']}") if rows else (None, "")
    if row is None or row.get("estimate") is None:
        why = context.found.why(f"mrmc.{endpoint.measure}", item=item, arm=arm)
        return Answer(f"There is no answer: {why}.")
    sentence = f"With “{context.names.arm(arm)}” the {short} of {who} was {number(row['estimate'], 3)}"
    if row.get("ci_low") is not None:
        sentence += f" ({context.level} % confidence interval {_ends(row, 3)})"
    return Answer(f"{sentence}.")


def _level(context: Context, endpoint: Endpoint, arm: str, row: Row) -> str:
    """The value of one arm, for the bracket in the sentence."""
    place = {"item": endpoint.item or "", "arm": arm, "reader": row["reader"]}
    for analysis, method in (
        (f"mrmc.{endpoint.measure}", row["method"]),
        (f"roc.{endpoint.measure}", "delong" if endpoint.measure == "auc" else "wilson"),
    ):
        found = context.found.row(analysis, method, **place)
        if found is not None and found.get("estimate") is not None:
            return number(found["estimate"], 3)
    return ""


def _mean(context: Context, endpoint: Endpoint) -> Answer:
    item = endpoint.item or ""
    if len(endpoint.arms) == 1:
        values = context.values(item, endpoint.arms[0])
        if values is None or not len(values):
            return Answer("There is no answer: no reader gave a value.")
        words = f"The mean score of “{context.names.arm(endpoint.arms[0])}” was {number(float(values.mean()))}"
        return Answer(f"{words} ({len(values)} answers of all readers together).")
    first, second = endpoint.arms
    row = None
    for method in ("paired_t", "welch_t"):
        row = row or context.found.pair("comparison", method, first, second, item=item, reader="average")
    if row is None or row.get("estimate") is None:
        why = (row or {}).get("note") or context.found.why("comparison", item=item)
        return Answer(f"There is no answer: {why}.")
    names = [f"“{context.names.arm(arm)}”" for arm in endpoint.arms]
    sentence = (
        f"With {names[0]} the mean score of “{context.names.item(item)}” was {_change(row['estimate'], 2)} {names[1]}"
    )
    if row.get("p") is None:
        return Answer(f"{sentence}; {row.get('note') or 'there is no test'}.")
    if row.get("ci_low") is not None:
        sentence += f"; {context.level} % confidence interval of the difference {_ends(row, 2)}"
    remarks = [_verdict(context, row["p"])]
    if row["method"] == "paired_t":
        remarks.append("Each case counts once, with the mean over its readers; the readers are taken as they are.")
    return Answer(f"{sentence}; {p_words(row['p'])}.", tuple(remarks))


def _limits(context: Context, endpoint: Endpoint) -> Answer:
    place = {} if endpoint.item is None else {"item": endpoint.item}
    rows = {row["method"]: row for row in context.found.of("bland_altman", **place)}
    bias, low, high = (rows.get(name) for name in ("bias", "loa_lower", "loa_upper"))
    if bias is None or bias.get("estimate") is None or low is None or high is None or low.get("estimate") is None:
        return Answer("There is no answer: a comparison of two measurements needs two cases with both.")
    x, y = (context.names.arm(arm) for arm in (bias["arm"], bias["arm_b"]))
    what = "" if endpoint.item is None else f" ({context.names.item(endpoint.item)})"
    if bias.get("ci_low") is None:
        words = f"“{x}” and “{y}”{what} differ by {measured(bias['estimate'])} in every case."
        return Answer(words)
    side = "higher" if bias["estimate"] >= 0 else "lower"
    sentence = (
        f"On average “{x}” was {measured(abs(bias['estimate']))} {side} than “{y}”{what}; {context.level} % confidence "
        f"interval of the difference {measured(bias['ci_low'])} to {measured(bias['ci_high'])}. About 95 of 100 cases "
        f"differ by {measured(low['estimate'])} to {measured(high['estimate'])} (limits of agreement)."
    )
    return Answer(
        sentence,
        ("Whether differences of this size matter is a clinical question that no statistic answers.",),
    )


def _agreement(context: Context, endpoint: Endpoint) -> Answer:
    item, arm = endpoint.item or "", endpoint.arms[0]
    for analysis, method, words in (
        ("agreement.icc", "ICC(2,1)", "intraclass correlation ICC(2,1)"),
        ("agreement.kappa", "fleiss", "kappa of Fleiss"),
    ):
        row = context.found.row(analysis, method, item=item, arm=arm)
        if row is None or row.get("estimate") is None:
            continue
        sentence = f"For “{context.names.item(item)}” the {words} between readers was {number(row['estimate'])}"
        if row.get("ci_low") is not None:
            sentence += f" ({context.level} % confidence interval {_ends(row, 2)})"
        elif row.get("note"):
            sentence += f" ({row['note']})"
        return Answer(f"{sentence}.", ("1 is perfect agreement; values near 0 are no better than chance.",))
    return Answer(f"There is no answer: {context.found.why('agreement.icc', item=item, arm=arm)}.")


def _ends(row: Row, digits: int) -> str:
    return f"{number(row['ci_low'], digits)} to {number(row['ci_high'], digits)}"


def _change(value: float, digits: int) -> str:
    if round(value, digits) == 0:
        return f"the same (to {digits} decimals) as with"
    return f"{number(abs(value), digits)} {'higher' if value > 0 else 'lower'} than with"


def _verdict(context: Context, p: float) -> str:
    alpha = 1 - context.done.settings.level
    if p < alpha:
        return f"The difference is statistically significant at the two-sided level of {alpha:.3g}."
    return (
        f"No difference was shown at the two-sided level of {alpha:.3g}. This does not show that there is none: the "
        "interval says which differences remain possible."
    )


def _noninferior(context: Context, endpoint: Endpoint, row: Row, margin: float) -> str:
    first, second = (f"“{context.names.arm(arm)}”" for arm in endpoint.arms)
    low = row["ci_low"]
    limit = number(low, 3)
    if low > -margin:
        words = f"the lower limit {limit} lies above the margin of {number(-margin, 3)}"
        return f"{first} is not inferior to {second}: {words}."
    return (
        f"Non-inferiority of {first} was not shown: the lower limit {limit} does not lie above the margin of "
        f"{number(-margin, 3)}."
    )
