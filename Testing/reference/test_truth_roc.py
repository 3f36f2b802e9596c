"""ROC values of reference programs where their data lie beside the checkout, and of the definition for our own data."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import by_definition
import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score
from SynthPerfReaderStudyLib.statistics import proportions, roc
from SynthPerfReaderStudyLib.statistics.estimate import Estimate

HERE = Path(__file__).parent
TRUTH = HERE.parents[2] / "shared" / "truth" / "01_roc_asah"
MARKERS = ("s100b", "ndka", "wfns")
# What these statistics do not offer: other tests and intervals than the conventions name. None is a confirmed value.
NOT_OFFERED = (
    "auc_bootNS",
    "boot_paired",
    "venkatraman",
    "closest_topleft",
    "sens_at_spec90",
    "agresti",
    "bayes",
    "power",
)
NOT_OFFERED += ("diffprop_wald", "diffprop_agrestimin")


def close(found: float | None, expected: float, tolerance: float) -> None:
    assert found is not None
    assert found == pytest.approx(expected, rel=0, abs=tolerance)


def agrees(found: Estimate, expected: dict, *, value: str = "estimate", tolerance: float | None = None) -> None:
    """The value, and the interval, SE and p where they are given."""
    within = tolerance or expected["tolerance_abs"]
    close(getattr(found, value), expected["value"], expected["tolerance_abs"])
    if "ci" in expected:
        close(found.ci_low, expected["ci"][0], within)
        close(found.ci_high, expected["ci"][1], within)
    for name in ("se", "p"):
        if name in expected:
            close(getattr(found, name), expected[name], within)


class Markers:
    """The 113 patients of the aSAH data: three markers, outcome, sex."""

    def __init__(self) -> None:
        with (TRUTH / "aSAH.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self.truth = np.array([row["outcome"] == "Poor" for row in rows])
        self.male = np.array([row["gender"] == "Male" for row in rows])
        self.scores = {name: np.array([float(row[name]) for row in rows]) for name in MARKERS}

    def cut(self, name: str) -> float:
        return roc.youden(self.scores[name], self.truth).threshold or math.nan


def check(data: Markers, expected: dict) -> None:
    """Find the function that the id names, and compare."""
    name = expected["id"]
    if name.startswith("mcnemar") or "_vs_" in name:
        check_pair(data, expected)
        return
    marker = name.rsplit("_", 1)[1]
    scores, truth = data.scores[marker], data.truth
    if name.startswith("auc_boot"):
        agrees(roc.auc_bootstrap(scores, truth, resamples=20000, seed=1), expected)
    elif name.startswith("auc"):
        agrees(roc.auc(scores, truth, level=expected["ci_level"]), expected)
    elif name.startswith("pauc"):
        area = roc.partial_auc(scores, truth, fpr=(0, 0.1), corrected="mcclish" in name)
        close(area, expected["value"], expected["tolerance_abs"])
    else:
        found = roc.performance(
            scores, truth, data.cut(marker), interval="clopper_pearson" if "clopper" in name else "wilson"
        )
        if name.startswith("youden"):
            close(data.cut(marker), expected["value"], expected["tolerance_abs"])
            for key, value in expected["extra"].items():
                ours = data.cut(marker) if key == "threshold" else getattr(found, key)
                close(ours.estimate if isinstance(ours, Estimate) else ours, value, expected["tolerance_abs"])
        else:
            agrees(found.sensitivity if name.startswith("sens") else found.specificity, expected)


def check_pair(data: Markers, expected: dict) -> None:
    name = expected["id"]
    if name.startswith("delong_unpaired"):
        scores, male = data.scores[name.rsplit("_", 1)[1]], data.male
        found = roc.auc_difference_unpaired(scores[male], data.truth[male], scores[~male], data.truth[~male])
        close(found.statistic, expected["value"], expected["tolerance_abs"])
        close(found.p, expected["extra"]["p_normal"], expected["tolerance_abs"])  # our convention; the program's is t
        return
    sides = [part for part in name.split("_") if part in MARKERS]
    a, b = (data.scores[side] for side in sides)
    if name.startswith("delong_paired"):
        side = name.rsplit("_", 1)[1]
        alternative = side if side in ("greater", "less") else "two-sided"
        agrees(roc.auc_difference(a, b, data.truth, alternative=alternative), expected, value="statistic")
        return
    compare = roc.sensitivity_difference if "_sens_" in name else roc.specificity_difference
    found = compare(a, b, data.truth, data.cut(sides[0]), data.cut(sides[1]))
    close(found.estimate, expected["extra"]["diff"], 1e-12)
    counts = expected["extra"]
    if name.startswith("diffprop_tango"):
        agrees(found, expected)
    elif name.startswith("mcnemar_exact"):
        close(found.p, expected["value"], expected["tolerance_abs"])
        tests = proportions.mcnemar(counts["first_only"], counts["second_only"])
        close(tests.mid, counts["mid_p"], expected["tolerance_abs"])
    else:
        tests = proportions.mcnemar(counts["first_only"], counts["second_only"])
        ours = tests.chi_square_corrected if "_cc_" in name else tests.chi_square
        close(ours, expected["value"], expected["tolerance_abs"])


if TRUTH.is_dir():

    def test_values_of_the_reference_programs() -> None:
        data = Markers()
        values = json.loads((TRUTH / "expected.json").read_text(encoding="utf-8"))["values"]
        checked = 0
        for expected in values:
            if any(part in expected["id"] for part in NOT_OFFERED):
                assert expected["verification"] == "single-source", expected["id"]
                continue
            check(data, expected)
            checked += 1
        assert checked >= 60


def own_study() -> tuple[np.ndarray, np.ndarray]:
    """Our simulated study: ratings (arms, readers, cases) and truth."""
    with (HERE / "simulated_readers.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [sorted({row[key] for row in rows}) for key in ("arm", "reader", "case")]
    scores = np.full([len(n) for n in names], np.nan)
    truth = np.zeros(len(names[2]), bool)
    for row in rows:
        place = tuple(n.index(row[key]) for n, key in zip(names, ("arm", "reader", "case"), strict=True))
        scores[place] = float(row["rating"])
        truth[place[2]] = row["truth"] == "1"
    return scores, truth


def test_own_study_by_definition() -> None:
    scores, truth = own_study()
    assert scores.shape == (3, 5, 54)
    for arm, reader in np.ndindex(3, 5):
        one, other = scores[arm, reader], scores[(arm + 1) % 3, reader]
        found = roc.auc(one, truth)
        close(found.estimate, roc_auc_score(truth, one), 1e-12)
        covariance = by_definition.delong(np.stack([one, other]), truth)
        close(found.se, math.sqrt(covariance[0, 0]), 1e-12)
        difference = roc.auc_difference(one, other, truth)
        close(difference.se, math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]), 1e-12)
        close(roc.partial_auc(one, truth, fpr=(0, 0.2), corrected=True), roc_auc_score(truth, one, max_fpr=0.2), 1e-12)
        shares = roc.performance(one, truth, 3.5)
        expected = stats.binomtest(int(np.sum(one[truth] > 3.5)), int(truth.sum())).proportion_ci(method="wilson")
        close(shares.sensitivity.ci_low, expected.low, 1e-12)
        paired = roc.specificity_difference(one, other, truth, 2.5, 3.5)
        first = int(np.sum((one[~truth] < 2.5) & (other[~truth] > 3.5)))
        second = int(np.sum((one[~truth] > 2.5) & (other[~truth] < 3.5)))
        close(paired.estimate, (first - second) / np.sum(~truth), 1e-12)
        close(paired.p, stats.binomtest(first, max(first + second, 1)).pvalue if first + second else 1.0, 1e-12)


def test_own_study_has_the_values_it_had_when_it_was_made() -> None:
    """Fixed numbers, worked out from the definition, so that the file and the functions cannot drift together."""
    scores, truth = own_study()
    found = roc.auc(scores[0, 0], truth)
    close(found.estimate, 0.8215277777777777, 1e-12)
    close(found.se, 0.060414650160407944, 1e-12)
    close(roc.youden(scores[0, 0], truth).threshold, 3.5, 1e-12)
