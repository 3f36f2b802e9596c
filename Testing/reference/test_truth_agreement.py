"""Agreement values of reference programs where their data lie beside the checkout; our own data by definition.

Where programs disagree: weighted kappa takes the numeric distance of the categories, R irr takes those of the pair as
equally spaced (a pair of readers that leaves a category out differs, and is checked with irr's spacing here).
Krippendorff's alpha is not that of irr 0.84.1, which is wrong for more than two readers of complete data.
"""

from __future__ import annotations

import csv
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from SynthPerfReaderStudyLib.ratings import read_ratings
from SynthPerfReaderStudyLib.statistics import agreement
from SynthPerfReaderStudyLib.statistics.estimate import Estimate

HERE = Path(__file__).parent
TRUTH = HERE.parents[2] / "shared" / "truth"
WEIGHTS = {
    "unweighted": "unweighted",
    "unw": "unweighted",
    "equal": "linear",
    "lin": "linear",
    "squared": "quadratic",
    "quad": "quadratic",
}


def expected(folder: str) -> list[dict]:
    """The values of one case; none where the folder is not there."""
    path = TRUTH / folder / "expected.json"
    return json.loads(path.read_text(encoding="utf-8"))["values"] if path.is_file() else []


def table(folder: str, name: str) -> list[list[str]]:
    with (TRUTH / folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def agrees(found: Estimate, value: dict, *, fields: tuple[str, ...] = ("value", "ci", "se", "p", "df")) -> None:
    within = value["tolerance_abs"]

    def close(mine: float | None, theirs: float) -> None:
        assert mine is not None, value["id"]
        assert mine == pytest.approx(theirs, rel=0, abs=within), value["id"]

    if "value" in fields:
        close(found.estimate, value["value"])
    for name in ("se", "p"):
        if name in fields and name in value:
            close(getattr(found, name), value[name])
    if "ci" in fields and "ci" in value:
        close(found.ci_low, value["ci"][0])
        close(found.ci_high, value["ci"][1])
    if "df" in fields and "df" in value:
        assert [found.df1, found.df2] == value["df"]


@pytest.mark.parametrize(
    ("folder", "name"), [("03a_icc_shrout_fleiss", "shrout_fleiss.csv"), ("03b_icc_anxiety", "anxiety.csv")]
)
def test_intraclass_correlation(folder: str, name: str) -> None:
    for value in expected(folder):
        ratings = np.array(table(folder, name), float)
        forms, anova = agreement.icc(ratings), agreement.two_way(ratings)
        error = agreement.measurement_error(ratings)
        assert anova is not None
        assert error is not None
        key = value["id"]
        if key.startswith("ICC"):
            agrees(forms[f"ICC({key[3]},{'k' if key.endswith('k') else '1'})"], value)
        elif key == "A1_ci90":
            agrees(agreement.icc(ratings, level=0.9)["ICC(2,1)"], value)
        elif key.startswith("MS_"):
            agrees(Estimate(getattr(anova, key[3:].replace("raters", "readers"))), value)
        elif key.startswith("kendall_W"):
            agrees(agreement.kendall_w(ratings, corrected=key.endswith("_corrected")), value)
        elif key.startswith(("SEM", "MDC")):
            kind = key.split("_")[1]
            agrees(Estimate(error[kind][key.startswith("MDC")]), value)
        elif value["role"] == "truth":
            raise AssertionError(f"{key} is not checked")


@pytest.mark.parametrize(
    ("folder", "name"), [("04a_agree_anxiety", "anxiety.csv"), ("04b_agree_diagnoses", "diagnoses.csv")]
)
def test_chance_corrected_agreement(folder: str, name: str) -> None:
    for value in expected(folder):
        rows = table(folder, name)
        words = sorted({cell for row in rows for cell in row})
        numeric = all(word.isdigit() for word in words)
        labels = words if not numeric else [str(number) for number in sorted(int(word) for word in words)]
        categories = np.array([float(label) for label in labels] if numeric else range(len(labels)), float)
        ratings = categories[[[labels.index(cell) for cell in row] for row in rows]]
        counts = agreement.counts(ratings, categories)
        key = value["id"]
        plain = agreement.weight_matrix("unweighted", categories)
        weighted = (
            agreement.weight_matrix(key.rsplit("_", 1)[1], categories) if key.endswith(agreement.WEIGHTS) else plain
        )
        tables = agreement.crosstable(ratings, categories)
        if key.startswith("cohen"):
            _, kind, *_, one, two = key.split("_")
            pair = tables[int(one) - 1, int(two) - 1]
            weights = agreement.weight_matrix(WEIGHTS[kind], categories)
            used = (pair.sum(axis=0) + pair.sum(axis=1)) > 0
            if not used.all() and WEIGHTS[kind] != "unweighted":
                # irr and vcd: the categories of the pair, equally spaced.
                pair = pair[np.ix_(used, used)]
                weights = agreement.weight_matrix(WEIGHTS[kind], np.arange(float(used.sum())))
            agrees(agreement.cohen(pair, weights), value)
        elif key == "fleiss":
            agrees(agreement.fleiss(counts, plain), value)
        elif key.startswith("fleiss_cat_"):
            category = labels.index(key.removeprefix("fleiss_cat_"))
            found = agreement.fleiss_by_category(counts)[category]
            agrees(found, value)
            assert found.statistic == pytest.approx(value["extra"]["z"], abs=0.0006)
        elif key == "light":
            pairs = [agreement.cohen(tables[a, b], plain) for a, b in combinations(range(ratings.shape[1]), 2)]
            agrees(agreement.light(pairs), value)
        elif key == "conger":
            agrees(agreement.conger(ratings, categories, plain), value)
        elif key.startswith("kripp_") and not key.endswith("_cac") and "_w_" not in key:
            agrees(agreement.krippendorff(ratings, key.removeprefix("kripp_")), value)
        elif key == "kripp_cac":
            agrees(agreement.krippendorff(ratings, "nominal"), value)
        elif key == "kripp_w_quadratic":
            agrees(agreement.krippendorff(ratings, "interval"), value)
        elif key.startswith("kripp_w_"):
            continue  # Gwet's weights in alpha: not a distance that Krippendorff defines
        elif key.startswith("gwet"):
            agrees(agreement.gwet(counts, weighted), value)
        elif key.startswith("fleiss"):
            # irrCAC tests with t, our p without weights is irr's.
            agrees(agreement.fleiss(counts, weighted), value, fields=("value", "ci", "se"))
        elif key.startswith("conger"):
            agrees(agreement.conger(ratings, categories, weighted), value)
        elif key == "bp_cac":
            agrees(agreement.brennan_prediger(counts, plain), value)
        elif key == "pa_cac":
            agrees(agreement.percent_agreement(counts, plain), value)
        elif key == "percent_all_agree":
            share = agreement.share_unanimous(ratings).estimate
            assert share is not None
            assert 100 * share == pytest.approx(value["value"])
        elif key == "kendall_W_corrected":
            agrees(agreement.kendall_w(ratings), value)
        elif value["role"] == "truth":
            raise AssertionError(f"{key} is not checked")


def test_within_group_agreement() -> None:
    folder = "04g_rwg"
    for value in expected(folder):
        rows = np.array(table(folder, "lq2002_lead.csv"), float)
        groups = [rows[rows[:, 0] == group, 1:] for group in np.unique(rows[:, 0])]
        lead = np.full((11, len(groups), max(len(group) for group in groups)), np.nan)
        for place, group in enumerate(groups):
            lead[:, place, : len(group)] = group.T
        readers = np.array(table(folder, "likert48x4_per_case.csv"), float)[:, 1:]
        worked = np.array([[4.0, 5, 4, 4, 3, 5, 4, 4]])
        one_way = agreement.icc_one_way(lead[0])
        found = {
            "rwgj_lead_mean": lambda lead=lead: agreement.r_wg_j(lead, 2.0).mean(),
            "rwgj_lindell_mean": lambda lead=lead: agreement.r_wg_j_lindell(lead, 2.0).mean(),
            "rwg_LEAD01_mean": lambda lead=lead: agreement.r_wg(lead[0], 2.0).mean(),
            "awg_LEAD01_mean": lambda lead=lead: agreement.a_wg(lead[0], 1, 5).mean(),
            "ICC1_LEAD01": lambda one_way=one_way: one_way["ICC(1,1)"].estimate,
            "ICC2_LEAD01": lambda one_way=one_way: one_way["ICC(1,k)"].estimate,
            "rwg_worked": lambda worked=worked: agreement.r_wg(worked, 2.0)[0],
            "rwg_worked_slight_skew": lambda worked=worked: agreement.r_wg(worked, 1.34)[0],
            "rwg_sim_per_case_mean": lambda readers=readers: agreement.r_wg(readers, 2.0).mean(),
        }
        assert found[value["id"]]() == pytest.approx(value["value"], rel=0, abs=value["tolerance_abs"]), value["id"]


def test_our_own_ratings_by_definition() -> None:
    """Thirty cases, four readers, 6 % missing: Fleiss, Gwet, alpha and ICC with loops over cases and pairs."""
    ratings = read_ratings(HERE / "likert_ratings.csv")
    values = ratings.items["quality"].first[:, :, 0].T
    categories = np.arange(1.0, 6.0)
    complete = [list(row) for row in values if not np.isnan(row).any()]
    pairs = [(row[a], row[b]) for row in complete for a in range(4) for b in range(4) if a != b]
    flat = [value for row in complete for value in row]
    share = [flat.count(category) / len(flat) for category in categories]
    observed, expected_agreement = np.mean([a == b for a, b in pairs]), sum(p * p for p in share)
    found = agreement.fleiss(agreement.counts(np.array(complete), categories), np.eye(5))
    assert found.estimate == pytest.approx((observed - expected_agreement) / (1 - expected_agreement))

    present = [[value for value in row if not np.isnan(value)] for row in values]
    present = [row for row in present if row]
    quadratic = {(a, b): 1 - ((a - b) / 4) ** 2 for a in categories for b in categories}
    several = [row for row in present if len(row) > 1]
    observed = np.mean(
        [np.mean([quadratic[a, b] for i, a in enumerate(r) for j, b in enumerate(r) if i != j]) for r in several]
    )
    marginal = [np.mean([row.count(category) / len(row) for row in present]) for category in categories]
    chance = sum(quadratic.values()) / 20 * sum(p * (1 - p) for p in marginal)
    weights = agreement.weight_matrix("quadratic", categories)
    assert agreement.gwet(agreement.counts(values, categories), weights).estimate == pytest.approx(
        (observed - chance) / (1 - chance)
    )

    pool = [value for row in several for value in row]
    within = sum((a - b) ** 2 / (len(row) - 1) for row in several for a in row for b in row) / len(pool)
    between = sum((a - b) ** 2 for a in pool for b in pool) / (len(pool) * (len(pool) - 1))
    assert agreement.krippendorff(values, "interval").estimate == pytest.approx(1 - within / between)
