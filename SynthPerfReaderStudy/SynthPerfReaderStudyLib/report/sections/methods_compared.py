"""Two measurements of the same cases: a table of pairs, or the regions of interest in two maps."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from SynthPerfLib.evaluation.report import p_value

from ...ratings import Ratings
from ..blocks import Block, Cell, Picture, Section, Table, Words, missing, name_cell
from ..blocks import Row as Line
from ..context import Context
from ..figures import methods as plots
from ..found import Row
from ..words import measured, p_words
from .agreement import between
from .grades import means

UNIT = "unit of the table"
MOST_FIGURES = 6


def pairs_section(context: Context) -> Section | None:
    """The table of pairs; None without one."""
    pairs = context.done.pairs
    if pairs is None:
        return None
    section = Section("Comparison of two measurements")
    words = (context.names.arm("x"), context.names.arm("y"))
    section.blocks += _compared(context, pairs.x, pairs.y, words, UNIT, {"arm": "x", "arm_b": "y"}, "pairs", "x and y")
    if pairs.incomplete:
        section.blocks.append(Words(context.found.why("paired") + ".", "quiet"))
    return section


def regions_section(context: Context) -> Section | None:
    """Values of the regions of interest, map against map; None where nothing was drawn."""
    regions = context.regions
    if regions is None:
        return None
    section = Section("Regions of interest")
    section.blocks.append(
        Words(
            "Each value is the mean of a reader's regions of one kind in one case and one map; a ratio is that of the "
            "tumour to normal-appearing white matter (T/WM). For the comparison of two maps the readers are averaged."
        )
    )
    items = _shown(context, regions)
    section.blocks.append(means(context, regions, items, "region_values", "Values by reader and map"))
    drawn = 0
    for name in items:
        for first, second in combinations(regions.arms, 2):
            found = _both(regions, name, first, second)
            if found is None or drawn == MOST_FIGURES:
                continue
            drawn += 1
            place = {"item": name, "reader": "average", "arm": first, "arm_b": second}
            words = (context.names.arm(first), context.names.arm(second))
            unit = "ratio T/WM" if context.done.facts["regions"][name] == "nawm_ratio" else "unit of the map"
            file = f"{context.slug(name)}_{drawn}"
            section.blocks += _compared(context, *found, words, unit, place, file, context.names.item(name))
    table = between(context, regions, items, "region_agreement", "Agreement of the readers' values")
    if table is not None:
        section.blocks.append(table)
    return section


def _shown(context: Context, regions: Ratings) -> list[str]:
    """The primary region first; the reference tissue's ratio to itself is no result."""
    measures = context.done.facts["regions"]
    tasks = () if context.done.protocol is None else context.done.protocol.rois
    reference = {task.id for task in tasks if task.tissue == "nawm"}
    items = [item for item in regions.items if item not in reference or measures[item] != "nawm_ratio"]
    primary = [asked["item"] for asked in context.done.facts.get("endpoints", ()) if asked["kind"] == "primary"]
    return sorted(items, key=lambda item: item not in primary)


def _both(regions: Ratings, name: str, first: str, second: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Averages per case over the readers who measured the case in both maps."""
    values = regions.items[name].first
    a, b = (values[:, :, regions.arms.index(arm)] for arm in (first, second))
    there = ~np.isnan(a) & ~np.isnan(b)
    read = there.any(axis=0)
    if read.sum() < 2:
        return None
    number = there[:, read].sum(axis=0)
    x, y = (np.where(there, values, 0.0)[:, read].sum(axis=0) / number for values in (a, b))
    return x, y


def _compared(
    context: Context,
    x: np.ndarray,
    y: np.ndarray,
    names: tuple[str, str],
    unit: str,
    place: dict[str, str],
    file: str,
    title: str,
) -> list[Block]:
    lines = {}
    for words, name in (("least squares", "ols"), ("Deming", "deming"), ("Passing-Bablok", "passing_bablok")):
        slope, intercept = (
            context.found.row("regression", f"{name}_{part}", **place) for part in ("slope", "intercept")
        )
        if slope and intercept and slope.get("estimate") is not None and intercept.get("estimate") is not None:
            lines[words] = (slope["estimate"], intercept["estimate"])
    bias, lower, upper = (
        _limit(context.found.row("bland_altman", name, **place)) for name in ("bias", "loa_lower", "loa_upper")
    )
    trend = [context.found.row("bland_altman", f"proportional_{part}", **place) for part in ("slope", "intercept")]
    ends = [row["estimate"] for row in trend if row is not None and row.get("estimate") is not None]
    line = (ends[0], ends[1]) if len(ends) == 2 else None
    pair = plots.Pair(title, x, y, lines, bias, lower, upper, line)
    text = plots.pair_plots(pair, *names, unit, f"methods_{file}")
    caption = (
        f"Left: regression of “{names[1]}” on “{names[0]}”. Right: Bland-Altman plot with the bias (solid) and the 95 "
        f"% limits of agreement (dashed), shaded: their {context.level} % confidence intervals; dotted: trend of the "
        "difference with the size of the measurement."
    )
    picture = Picture(f"methods_{file}", caption, text, f"Regression and Bland-Altman plot of {title}")
    return [picture, _sentence(context, place, names), _table(context, place, names, file, title)]


def _limit(row: Row | None) -> plots.Limit | None:
    if row is None or row.get("estimate") is None:
        return None
    return plots.Limit(row["estimate"], row.get("ci_low"), row.get("ci_high"))


def _sentence(context: Context, place: dict[str, str], names: tuple[str, str]) -> Words:
    """The regression as Wang et al. write it."""
    slope, intercept = (context.found.row("regression", f"ols_{part}", **place) for part in ("slope", "intercept"))
    r = context.found.row("correlation", "pearson", **place)
    parts = []
    if slope and intercept and slope.get("estimate") is not None and intercept.get("estimate") is not None:
        sign = "+" if intercept["estimate"] >= 0 else "\N{MINUS SIGN}"
        steep, shift = measured(slope["estimate"]), measured(abs(intercept["estimate"]))
        parts.append(f"{names[1]} = {steep} \N{MULTIPLICATION SIGN} {names[0]} {sign} {shift}")
    if r is not None and r.get("estimate") is not None:
        parts.append(f"Pearson's r = {measured(r['estimate'])}, R² = {measured(r['estimate'] ** 2)}")
        if r.get("p") is not None:
            parts.append(p_words(r["p"]))
    trend = context.found.row("bland_altman", "proportional_slope", **place)
    if trend is not None and trend.get("p") is not None:
        alpha = 1 - context.done.settings.level
        grows = "changes with" if trend["p"] < alpha else "shows no trend with"
        parts.append(f"the difference {grows} the size of the measurement ({p_words(trend['p'])})")
    return Words("; ".join(parts) + "." if parts else "A regression needs three cases that differ.")


_ROWS = (
    ("bland_altman", "bias", "Bias (mean difference)"),
    ("bland_altman", "loa_lower", "Lower limit of agreement (bias \N{MINUS SIGN} 1.96 SD)"),
    ("bland_altman", "loa_upper", "Upper limit of agreement (bias + 1.96 SD)"),
    ("bland_altman", "bias_percent", "Bias in % of the mean"),
    ("bland_altman", "loa_lower_percent", "Lower limit in %"),
    ("bland_altman", "loa_upper_percent", "Upper limit in %"),
    ("bland_altman", "proportional_slope", "Slope of the difference on the mean"),
    ("regression", "ols_slope", "Slope, least squares"),
    ("regression", "ols_intercept", "Intercept, least squares"),
    ("regression", "deming_slope", "Slope, Deming"),
    ("regression", "deming_intercept", "Intercept, Deming"),
    ("regression", "passing_bablok_slope", "Slope, Passing-Bablok"),
    ("regression", "passing_bablok_intercept", "Intercept, Passing-Bablok"),
    ("correlation", "pearson", "Pearson's r"),
    ("correlation", "spearman", "Spearman's rho"),
    ("correlation", "lin_ccc", "Lin's concordance coefficient"),
)


def _table(context: Context, place: dict[str, str], names: tuple[str, str], file: str, title: str) -> Table:
    body: list[Line] = []
    for analysis, method, words in _ROWS:
        row = context.found.row(analysis, method, **place)
        line: list[Cell | str] = [name_cell(words)]
        if row is None or row.get("estimate") is None:
            family = "bland_altman.percent" if method.endswith("_percent") else analysis
            item = {"item": place["item"]} if "item" in place else {}
            why = (row or {}).get("note") or context.found.why(family, **item)
            body.append([*line, missing(why), missing(why), missing(why)])
            continue
        line.append(measured(row["estimate"]))
        has = row.get("ci_low") is not None and row.get("ci_high") is not None
        line.append(_ends(row) if has else missing(row.get("note") or "no interval is defined"))
        line.append(p_value(row["p"]) if row.get("p") is not None else Cell(""))
        body.append(line)
    head: Line = [Cell("", row_head=True), "Estimate", f"{context.level} % CI", "p"]
    notes = [
        f"Differences are “{names[0]}” minus “{names[1]}”, regressions are of “{names[1]}” on “{names[0]}”. Limits of "
        "agreement with approximate t intervals. p: test of 0.",
    ]
    return Table(f"methods_{file}", f"Method comparison: {title}", [head], body, notes)


def _ends(row: Row) -> str:
    low, high = row["ci_low"], row["ci_high"]
    return f"{measured(low)} to {measured(high)}"
