"""Values of reference programs through the command analyze, where their data lie beside the checkout.

Each case's data are written as the tables that people bring; every value that has a row of its own by the conventions
is looked up in results.json. Our own tables are checked by the definition of what the command must say about them.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from SynthPerfLib.cli import main

HERE = Path(__file__).parent
TRUTH = HERE.parents[2] / "shared" / "truth"
HEADER = ("reader", "case", "arm", "item", "value")
Row = dict[str, Any]
Place = dict[str, str]


def reference(folder: str) -> dict[str, Row]:
    """Value id to value; empty where the folder is not there."""
    path = TRUTH / folder / "expected.json"
    if not path.is_file():
        return {}
    return {value["id"]: value for value in json.loads(path.read_text(encoding="utf-8"))["values"]}


def table(folder: str, name: str) -> list[dict[str, str]]:
    with (TRUTH / folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def written(path: Path, header: Iterable[str], rows: Iterable[Iterable[Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([tuple(header), *rows])
    return path


def wide(path: Path, rows: list[dict[str, str]]) -> Path:
    """A table with a column for each reader as ratings of one item in one arm."""
    cells = [(reader, case, "A", "score", value) for case, row in enumerate(rows) for reader, value in row.items()]
    return written(path, HEADER, cells)


def estimates(out: Path, *arguments: str | Path) -> list[Row]:
    assert main(["analyze", *(str(argument) for argument in arguments), "--out", str(out)]) == 0
    found: list[Row] = json.loads((out / "results.json").read_text(encoding="utf-8"))["estimates"]
    return found


def at(rows: list[Row], **place: str) -> Row:
    """The first row at a place; it has none of the readers and arms that the place does not name."""
    free = {"reader", "reader_b", "arm_b"} - set(place)
    found = [r for r in rows if all(r.get(k) == v for k, v in place.items()) and not free & set(r)]
    assert found, place
    return found[0]


def agrees(
    row: Row, value: Row, *, within: float | None = None, fields: tuple[str, ...] = ("ci", "se", "p", "df")
) -> None:
    allowed = value["tolerance_abs"] if within is None else within

    def close(key: str, theirs: float) -> None:
        assert row[key] == pytest.approx(theirs, rel=0, abs=allowed), (value["id"], key)

    if value.get("value") is not None:
        key = "statistic" if row["analysis"] == "mrmc.test" else "estimate"
        assert row[key] == pytest.approx(value["value"], rel=0, abs=value["tolerance_abs"]), value["id"]
    for name in ("se", "p"):
        if name in fields and value.get(name) is not None:
            close(name, value[name])
    if "ci" in fields and "ci" in value:
        close("ci_low", value["ci"][0])
        close("ci_high", value["ci"][1])
    if "df" in fields and "df" in value:
        degrees = value["df"] if isinstance(value["df"], list) else [value["df"]]
        for key, number in zip(("df1", "df2"), degrees, strict=False):
            close(key, number)


@pytest.mark.parametrize(
    ("folder", "name"), [("03a_icc_shrout_fleiss", "shrout_fleiss.csv"), ("03b_icc_anxiety", "anxiety.csv")]
)
def test_intraclass_correlation(folder: str, name: str, tmp_path: Path) -> None:
    values = reference(folder)
    if not values:
        return
    ratings = wide(tmp_path / "ratings.csv", table(folder, name))
    rows = estimates(tmp_path / "out", ratings)
    for key in ("ICC1", "ICC2", "ICC3", "ICC1k", "ICC2k", "ICC3k"):
        form = at(rows, analysis="agreement.icc", method=f"ICC({key[3]},{'k' if key.endswith('k') else '1'})")
        agrees(form, values[key])
        assert form["statistic"] == pytest.approx(values[key]["extra"]["F"])
    narrow = estimates(tmp_path / "narrow", ratings, "--level", "0.9")
    agrees(at(narrow, analysis="agreement.icc", method="ICC(2,1)"), values["A1_ci90"])
    for key, analysis, method in (
        ("MS_subjects", "agreement.mean_square", "subjects"),
        ("MS_raters", "agreement.mean_square", "readers"),
        ("MS_error", "agreement.mean_square", "error"),
        ("MS_within", "agreement.mean_square", "within"),
        ("SEM_agreement", "agreement.sem", "agreement"),
        ("SEM_consistency", "agreement.sem", "consistency"),
        ("MDC95_agreement", "agreement.sdc", "agreement"),
        ("kendall_W_corrected", "agreement.kendall_w", "ties_corrected"),
        ("kendall_W_uncorrected", "agreement.kendall_w", "uncorrected"),
    ):
        agrees(at(rows, analysis=analysis, method=method), values[key])


WEIGHTS = {"unweighted": "unweighted", "unw": "unweighted", "equal": "linear", "lin": "linear"}
WEIGHTS |= {"squared": "quadratic", "quad": "quadratic"}
COEFFICIENTS = {
    "fleiss": ("agreement.kappa", "fleiss"),
    "light": ("agreement.kappa", "light"),
    "conger": ("agreement.kappa", "conger"),
    "conger_cac": ("agreement.kappa", "conger"),
    "kripp_nominal": ("agreement.krippendorff", "nominal"),
    "kripp_ordinal": ("agreement.krippendorff", "ordinal"),
    "kripp_interval": ("agreement.krippendorff", "interval"),
    "kripp_cac": ("agreement.krippendorff", "nominal"),
    "kripp_w_quadratic": ("agreement.krippendorff", "interval"),
    "gwet_ac1": ("agreement.gwet", "AC1"),
    "gwet_ac2_linear": ("agreement.gwet", "AC2_linear"),
    "gwet_ac2_quadratic": ("agreement.gwet", "AC2_quadratic"),
    "gwet_ac2_ordinal": ("agreement.gwet", "AC2_ordinal"),
    "bp_cac": ("agreement.brennan_prediger", "unweighted"),
    "pa_cac": ("agreement.percent", "pairwise"),
}
COEFFICIENTS |= {
    f"conger_w_{name}": ("agreement.kappa", f"conger_{name}") for name in ("linear", "quadratic", "ordinal")
}
# irrCAC tests Fleiss' kappa with t; our p is that of irr.
INTERVALS = {"fleiss_cac": "fleiss"} | {
    f"fleiss_w_{name}": f"fleiss_{name}" for name in ("linear", "quadratic", "ordinal")
}


@pytest.mark.parametrize(
    ("folder", "name"), [("04a_agree_anxiety", "anxiety.csv"), ("04b_agree_diagnoses", "diagnoses.csv")]
)
def test_chance_corrected_agreement(folder: str, name: str, tmp_path: Path) -> None:
    values = reference(folder)
    if not values:
        return
    data = table(folder, name)
    rows = estimates(tmp_path / "out", wide(tmp_path / "ratings.csv", data))
    for key, value in values.items():
        if key.startswith("cohen"):
            _, kind, *_, one, two = key.split("_")
            pair = {"reader": f"rater{one}", "reader_b": f"rater{two}"}
            used = {row[reader] for row in data for reader in pair.values()}
            every = {cell for row in data for cell in row.values()}
            # irr spaces the categories of the pair equally: only a pair that leaves one out differs from ours.
            if WEIGHTS[kind] == "unweighted" or used == every:
                agrees(at(rows, analysis="agreement.kappa", method=WEIGHTS[kind], **pair), value)
        elif key in COEFFICIENTS:
            analysis, method = COEFFICIENTS[key]
            agrees(at(rows, analysis=analysis, method=method), value)
        elif key in INTERVALS:
            agrees(at(rows, analysis="agreement.kappa", method=INTERVALS[key]), value, fields=("ci", "se"))
        elif key.startswith("fleiss_cat_"):
            category = f"category {key.removeprefix('fleiss_cat_')}"
            agrees(next(row for row in rows if row.get("note") == category), value)
        elif key == "percent_all_agree":
            share = at(rows, analysis="agreement.percent", method="unanimous")["estimate"]
            assert 100 * share == pytest.approx(value["value"])


def test_within_group_agreement(tmp_path: Path) -> None:
    values = reference("04g_rwg")
    if not values:
        return
    cells, number = [], {}
    for row in table("04g_rwg", "lq2002_lead.csv"):
        group = row.pop("COMPID")
        number[group] = number.get(group, 0) + 1
        cells += [(f"m{number[group]:03d}", group, "A", item, value) for item, value in row.items() if item < "LEAD02"]
    rows = estimates(tmp_path / "out", written(tmp_path / "lead.csv", HEADER, cells))
    for key, analysis, method in (
        ("rwg_LEAD01_mean", "agreement.rwg", "uniform"),
        ("awg_LEAD01_mean", "agreement.awg", "mean"),
        ("ICC1_LEAD01", "agreement.icc", "ICC(1,1)"),
        ("ICC2_LEAD01", "agreement.icc", "ICC(1,k)"),
    ):
        agrees(at(rows, analysis=analysis, method=method), values[key])
    readers = [{k: v for k, v in row.items() if k != "case"} for row in table("04g_rwg", "likert48x4_per_case.csv")]
    ratings = wide(tmp_path / "likert.csv", readers)
    rows = estimates(tmp_path / "likert", ratings, "--scale", "score=1:5")
    agrees(at(rows, analysis="agreement.rwg", method="uniform"), values["rwg_sim_per_case_mean"])


def test_method_comparison(tmp_path: Path) -> None:
    values = reference("05a_ba_pefr1986")
    if not values:
        return
    pairs = [(number, *row.values()) for number, row in enumerate(table("05a_ba_pefr1986", "pefr.csv"))]
    rows = estimates(tmp_path / "out", "--paired", written(tmp_path / "p.csv", ("case", "x", "y"), pairs))
    for key, analysis, method in (
        ("bias", "bland_altman", "bias"),
        ("loa_lower", "bland_altman", "loa_lower"),
        ("loa_upper", "bland_altman", "loa_upper"),
        ("sd_diff", "bland_altman", "sd"),
        ("loa_lower_exact_carkeet", "bland_altman", "loa_lower_exact"),
        ("loa_upper_exact_carkeet", "bland_altman", "loa_upper_exact"),
        ("propbias_slope", "bland_altman", "proportional_slope"),
        ("propbias_intercept", "bland_altman", "proportional_intercept"),
        ("absresid_slope", "bland_altman", "spread_slope"),
        ("ratio_bias", "bland_altman", "bias_ratio"),
        ("percent_bias", "bland_altman", "bias_percent"),
        ("within_subject_sd", "repeatability", "wsd"),
        ("repeatability_coef", "repeatability", "rc"),
        ("pearson_r", "correlation", "pearson"),
        ("spearman_rho", "correlation", "spearman"),
        ("kendall_tau_b", "correlation", "kendall_tau_b"),
        ("lin_ccc", "correlation", "lin_ccc"),
        ("lin_ccc_n", "correlation", "lin_ccc"),
        ("ols_slope", "regression", "ols_slope"),
        ("ols_intercept", "regression", "ols_intercept"),
        ("deming_slope_jack_er1", "regression", "deming_slope"),
        ("deming_intercept_jack_er1", "regression", "deming_intercept"),
        ("pb_slope", "regression", "passing_bablok_slope"),
        ("pb_intercept", "regression", "passing_bablok_intercept"),
    ):
        agrees(at(rows, analysis=analysis, method=method, arm_b="y"), values[key])


def test_markers_of_one_set_of_cases(tmp_path: Path) -> None:
    values = reference("01_roc_asah")
    if not values:
        return
    data, markers = table("01_roc_asah", "aSAH.csv"), ("ndka", "s100b", "wfns")
    cells = [("R", row["id"], marker, "marker", row[marker]) for row in data for marker in markers]
    truth = written(tmp_path / "t.csv", ("case", "truth"), [(row["id"], row["outcome"]) for row in data])
    arguments = (written(tmp_path / "r.csv", HEADER, cells), "--truth", truth, "--positive", "Poor")
    rows = estimates(tmp_path / "out", *arguments)
    narrow = estimates(tmp_path / "narrow", *arguments, "--level", "0.9")
    for marker in markers:
        place = {"reader": "R", "arm": marker}
        agrees(at(rows, analysis="roc.auc", method="delong", **place), values[f"auc_{marker}"])
        agrees(at(narrow, analysis="roc.auc", method="delong", **place), values[f"auc90_{marker}"])
        agrees(at(rows, analysis="roc.auc", method="bootstrap", **place), values[f"auc_boot_{marker}"])
        for method in ("wilson", "clopper_pearson"):
            for short, analysis in (("sens", "roc.sensitivity"), ("spec", "roc.specificity")):
                row = at(rows, analysis=analysis, method=method, **place)
                agrees(row, values[f"{short}_{method}_youden_{marker}"])
                assert row["threshold"] == pytest.approx(values[f"youden_{marker}"]["value"])
    for key, value in values.items():
        if not key.startswith(("delong_paired", "mcnemar_exact", "diffprop_tango")) or key.endswith(
            ("greater", "less")
        ):
            continue
        first, _, second = key.split("_")[-3:]
        arm, arm_b = sorted((first, second))
        sign = 1 if arm == first else -1
        pair = {"reader": "R", "arm": arm, "arm_b": arm_b}
        if key.startswith("delong"):
            row = at(rows, analysis="roc.auc_difference", method="delong_paired", **pair)
            assert row["estimate"] == pytest.approx(sign * value["extra"]["diff"])
            assert row["statistic"] == pytest.approx(sign * value["value"])
            assert (row["se"], row["p"]) == pytest.approx((value["se"], value["p"]))
            continue
        share = "sensitivity" if "_sens_" in key else "specificity"
        row = at(rows, analysis=f"roc.{share}_difference", method="mcnemar_exact", **pair)
        assert row["estimate"] == pytest.approx(sign * value["extra"]["diff"])
        if key.startswith("mcnemar"):
            assert row["p"] == pytest.approx(value["p"])
        else:
            ends = sorted(sign * end for end in value["ci"])
            assert [row["ci_low"], row["ci_high"]] == pytest.approx(ends, abs=value["tolerance_abs"])


def places(key: str) -> Iterator[Place]:
    """Where a value of the multi-reader case is in results.json."""
    parts = key.removeprefix("RJ_").split("_")
    if key.startswith("auc_"):
        yield {"analysis": "roc.auc", "method": "delong", "arm": parts[1][1], "reader": parts[2][1]}
        return
    if parts[0] not in ("OR", "DBM") or parts[1] == "MS":
        return
    kind = parts[1] if key.startswith("RJ_") else parts[2]
    method = "dbm" if parts[0] == "DBM" else f"or_{'jackknife' if key.startswith('RJ_') else parts[1].lower()}"
    rest = parts[parts.index(kind) + 1 :]
    if kind == "vc":
        name = {"reader": "VarR", "treatment_reader": "VarTR", "Error": "Var"}.get("_".join(rest), rest[-1])
        yield {"analysis": "mrmc.component", "method": f"{method}_rrrc", "item": name}
        return
    method = f"{method}_{kind.lower()}"
    if rest[0] == "global":
        yield {"analysis": "mrmc.test", "method": method}
    elif rest[0] == "diff":
        yield {"analysis": "mrmc.auc_difference", "method": method, "reader": "average", "arm_b": "2"}
    elif rest[0] == "mean":
        yield {"analysis": "mrmc.auc", "method": method, "arm": rest[1], "reader": "average"}
    elif rest[0] == "readerdiff":
        yield {"analysis": "mrmc.auc_difference", "method": method, "reader": rest[1], "arm_b": "2"}


def test_readers_and_cases_of_van_dyke(tmp_path: Path) -> None:
    values = reference("02a_mrmc_vandyke")
    if not values:
        return
    data = table("02a_mrmc_vandyke", "vandyke.csv")
    cells = [(row["reader"], row["case"], row["treatment"], "score", row["rating"]) for row in data]
    truth = written(tmp_path / "t.csv", ("case", "truth"), sorted({(row["case"], row["truth"]) for row in data}))
    rows = estimates(tmp_path / "out", written(tmp_path / "r.csv", HEADER, cells), "--truth", truth)
    checked = 0
    for key, value in values.items():
        for place in places(key):
            row = at(rows, **place)
            if row["analysis"] == "mrmc.test" and key.startswith("RJ_DBM_FRRC"):
                continue  # F with t degrees of freedom there, chi-square by our conventions; its difference is checked
            # RJafroc's fixed readers have t with the cases' degrees of freedom, ours are normal (MRMCaov).
            fields = ("se",) if key.startswith("RJ_OR_FRRC") else ("ci", "se", "p", "df")
            agrees(row, value, fields=fields)
            checked += 1
    assert checked > 90


def test_our_own_tables_by_definition(tmp_path: Path) -> None:
    """Two arms, four readers, 6 % missing: what must be equal whatever the numbers are."""
    rows = estimates(tmp_path / "out", HERE / "likert_ratings.csv")
    with (HERE / "likert_ratings.csv").open(encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))

    def score(reader: str, arm: str) -> dict[str, float]:
        chosen = [cell for cell in cells if (cell["reader"], cell["arm"]) == (reader, arm) and cell["value"]]
        return {cell["case"]: float(cell["value"]) for cell in chosen}

    for arm in ("asl", "synthetic"):
        first, second = score("R1", arm), score("R2", arm)
        both = sorted(set(first) & set(second))
        kappa = at(rows, analysis="agreement.kappa", method="unweighted", arm=arm, reader="R1", reader_b="R2")
        agree = np.mean([first[case] == second[case] for case in both])
        chance = sum(
            np.mean([first[c] == grade for c in both]) * np.mean([second[c] == grade for c in both])
            for grade in range(1, 6)
        )
        assert kappa["n"] == len(both)
        assert kappa["estimate"] == pytest.approx((agree - chance) / (1 - chance))
    first, second = score("R3", "asl"), score("R3", "synthetic")
    differences = np.array([first[case] - second[case] for case in sorted(set(first) & set(second))])
    paired = at(rows, analysis="comparison", method="paired_t", reader="R3", arm_b="synthetic")
    assert paired["estimate"] == pytest.approx(differences.mean())
    assert paired["se"] == pytest.approx(differences.std(ddof=1) / np.sqrt(len(differences)))
    pairs = estimates(tmp_path / "pairs", HERE / "two_methods.csv", "--paired")
    assert at(pairs, analysis="bland_altman", method="bias", arm_b="y")["n"] == 40
