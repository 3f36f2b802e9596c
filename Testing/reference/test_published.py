"""What three published reader studies print, computed again; where print and computation differ, the test says how.

The numbers are those of the papers' tables and texts. docs/statistics.md lists the same differences.

- Wu: Wu D et al. Front Oncol 2025;15:1647254.
- Wang: Wang L, Xing Z et al. DSC-MRI derived relative CBV maps synthesized from IVIM-MRI data.
- QS-Net: Ni Y et al. Med Phys 2026;53:e70435, Table 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
import pytest
from SynthPerfReaderStudyLib.ratings import Ratings, read_ratings
from SynthPerfReaderStudyLib.statistics import agreement, method_comparison, roc
from SynthPerfReaderStudyLib.statistics.estimate import Estimate
from SynthPerfReaderStudyLib.statistics.proportions import clopper_pearson, wilson


def printed(found: Estimate) -> tuple[float, float, float]:
    """Estimate and limits with two decimals."""
    assert found.estimate is not None
    assert found.ci_low is not None
    assert found.ci_high is not None
    return round(found.estimate, 2), round(found.ci_low, 2), round(found.ci_high, 2)


def read(path: Path, rows: Iterable[tuple[object, ...]]) -> Ratings:
    """Ratings by way of their table: reader, case, arm, item, value."""
    lines = ["reader,case,arm,item,value", *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return read_ratings(path)


# --- Wu 2025

RECURRENCE, RESPONSE = 45, 51
"""Of 96 patients. The paper prints 45 (46.9 %) and 52 (53.1 %); together that is 97, and 53.1 % of 96 is 51."""


def answers(right_positive: int, right_negative: int, negative: int = RESPONSE) -> tuple[np.ndarray, np.ndarray]:
    """Yes or no for every patient, and the truth."""
    truth = np.arange(RECURRENCE + negative) < RECURRENCE
    right = np.concatenate([np.arange(RECURRENCE) < right_positive, np.arange(negative) < right_negative])
    return (truth == right).astype(float), truth


def counts_that_give(share: float, of: int) -> list[int]:
    return [count for count in range(of + 1) if round(count / of, 2) == share]


def test_wu_no_counts_give_the_printed_sensitivity_and_specificity() -> None:
    """Standard MRI + ASL 0.65 (0.52-0.76) and 0.89 (0.78-0.95); + synthetic CBV 0.82 (0.71-0.90), 0.88 (0.75-0.94)."""
    assert counts_that_give(0.65, 45) == []
    assert counts_that_give(0.89, 51) == counts_that_give(0.89, 52) == []
    assert counts_that_give(0.82, 45) == [37]
    assert counts_that_give(0.88, 51) == [45]
    done = roc.performance(*answers(37, 45), 0.5)
    assert printed(done.sensitivity) == (0.82, 0.69, 0.91), "printed 0.71-0.90"
    assert printed(done.specificity) == (0.88, 0.77, 0.94), "printed 0.75-0.94"
    # Wilson intervals of other numbers of cases give them all, with different numbers in the two scenarios.
    for limits, fitting in {(0.52, 0.76): (37, 57), (0.78, 0.95): (48, 54), (0.71, 0.90): (47, 57)}.items():
        assert tuple(np.round(wilson(*fitting), 2)) == limits
    assert tuple(np.round(wilson(42, 48), 2)) == (0.75, 0.94)


def test_wu_the_printed_areas_are_those_of_yes_or_no_answers() -> None:
    asl, cbv = answers(29, 45), answers(37, 47)
    assert printed(roc.auc(*asl)) == (0.76, 0.68, 0.85)
    assert printed(roc.auc(*cbv)) == (0.87, 0.80, 0.94)
    done = roc.performance(*asl, 0.5)
    assert (printed(done.sensitivity)[0], printed(done.specificity)[0]) == (0.64, 0.88), "printed 0.65, 0.89"
    done = roc.performance(*cbv, 0.5)
    assert (printed(done.sensitivity)[0], printed(done.specificity)[0]) == (0.82, 0.92), "printed 0.82, 0.88"
    # The area of yes or no answers is the mean of the two shares: 0.85 for the printed 0.82 and 0.88.
    assert printed(roc.auc(*answers(37, 45))) == (0.85, 0.78, 0.92), "printed 0.87 (0.80-0.94)"


def paired_p(lost_positive: int, lost_negative: int) -> float:
    """p of 37 and 47 against 29 and 45 right answers when so many that were right become wrong."""
    first, truth = answers(29, 45)
    second = first.copy()
    for ill, gained, lost in ((1, 8, lost_positive), (0, 2, lost_negative)):
        wrong, right = np.flatnonzero((truth == ill) & (first != ill)), np.flatnonzero((truth == ill) & (first == ill))
        second[wrong[: gained + lost]], second[right[:lost]] = ill, 1 - ill
    found = roc.auc_difference(second, first, truth)
    assert found.estimate == pytest.approx((8 / 45 + 2 / 51) / 2)
    assert found.p is not None
    return found.p


def test_wu_the_p_is_possible() -> None:
    """Printed p = 0.019. It depends on who was right twice, which is not printed."""
    assert round(paired_p(0, 0), 4) == 0.0007
    assert round(paired_p(8, 4), 4) == 0.0793


def test_wu_grades_of_image_quality(tmp_path: Path) -> None:
    """1 % (2 of 208), 8.2 % (17) and 90.8 % (189) with 1, 2 and 3 points, mean 2.90."""
    grades = np.repeat([1, 2, 3], [2, 17, 189])
    ratings = read(tmp_path / "ratings.csv", (("R1", case, "map", "quality", g) for case, g in enumerate(grades)))
    values = ratings.items["quality"].first
    assert values.size == 208
    assert round(float(values.mean()), 2) == 2.90
    shares = [round(100 * float((values == grade).mean()), 1) for grade in (1, 2, 3)]
    assert shares == [1.0, 8.2, 90.9], "printed 90.8"


def test_wu_words_for_agreement() -> None:
    assert agreement.band(0.84) == "good", "printed: very good, although its own bands begin that at 0.90"
    assert agreement.band(0.89) == "good", "printed: good"


def correlated(r: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Two vectors with mean 0, one variance and exactly this correlation."""
    x, e = np.random.default_rng(1).normal(size=(2, n))
    x = (x - x.mean()) / np.linalg.norm(x - x.mean())
    e -= e.mean() + x * (x @ e)
    return x, r * x + np.sqrt(1 - r * r) * e / np.linalg.norm(e)


def test_wu_the_interval_of_the_icc_is_that_of_both_scenarios_together() -> None:
    """Printed 0.84 (0.79-0.88) for 96 patients and two readers."""
    single = agreement.icc(np.stack(correlated(0.84, 96), axis=1))["ICC(2,1)"]
    both = agreement.icc(np.stack(correlated(0.84, 192), axis=1))["ICC(2,1)"]
    assert printed(single) == (0.84, 0.77, 0.89)
    assert printed(both) == (0.84, 0.79, 0.88)


# --- Wang


@pytest.mark.parametrize(
    ("area", "limits"), [(0.8375, (0.687, 0.935)), (0.8325, (0.681, 0.932)), (0.59, (0.423, 0.743))]
)
def test_wang_the_intervals_of_the_areas_are_binomial(area: float, limits: tuple[float, float]) -> None:
    """Clopper and Pearson's interval of the AUC as a share of 40 patients; DeLong's needs the ratios themselves."""
    assert area * 20 * 20 == pytest.approx(round(area * 20 * 20)), "20 and 20 patients make 400 pairs"
    assert tuple(np.round(clopper_pearson(area * 40, 40), 3)) == limits  # type: ignore[arg-type]


@pytest.mark.parametrize(("r", "p"), [(0.3180, 0.1718), (0.1715, 0.4697), (0.7536, 0.0001)])
def test_wang_correlations(r: float, p: float) -> None:
    found = method_comparison.pearson(*correlated(r, 20))
    assert found.estimate == pytest.approx(r)
    assert found.p == pytest.approx(p, abs=5e-5)


def test_wang_what_the_thresholds_do() -> None:
    """70 % and 95 %, 60 % and 100 % of 20 patients; the paper has no intervals."""
    assert tuple(np.round(wilson(14, 20), 2)) == (0.48, 0.85)
    assert tuple(np.round(wilson(19, 20), 2)) == (0.76, 0.99)
    assert tuple(np.round(wilson(12, 20), 2)) == (0.39, 0.78)
    assert tuple(np.round(wilson(20, 20), 2)) == (0.84, 1.00)


def test_wang_line_bias_and_threshold_do_not_fit_together() -> None:
    """Least squares go through the means, so the line and the bias (real - synthetic) give the mean of the ratios."""
    x, y = np.random.default_rng(2).normal(3, 1, (2, 20))
    line = method_comparison.ols(x, y)
    slope, intercept = line["slope"].estimate, line["intercept"].estimate
    bias = method_comparison.bland_altman(x, y)["bias"].estimate
    assert slope is not None
    assert intercept is not None
    assert bias is not None
    assert (bias + intercept) / (1 - slope) == pytest.approx(x.mean())

    def mean_ratio(slope: float, intercept: float, bias: float) -> float:
        return (bias + intercept) / (1 - slope)

    wildtype, mutation = mean_ratio(0.7442, 0.04605, 0.5698), mean_ratio(0.7715, 0.7143, 0.2949)
    assert (round(wildtype, 2), round(mutation, 2)) == (2.41, 4.42), "yet the text has mutation significantly lower"
    # At least 14 of 20 wildtype gliomas lie above the threshold of 4.176, and no ratio is below 0.
    assert wildtype < 14 * 4.176 / 20
    # With the bias taken as synthetic - real the mutation group is possible, and wildtype still is not.
    assert round(mean_ratio(0.7715, 0.7143, -0.2949), 2) == 1.84
    assert mean_ratio(0.7442, 0.04605, -0.5698) < 0


# --- QS-Net, Table 2: mean and SD of reader 1, reader 2 and overall

QSNET = {
    "A real": {
        "IQ": ((4.85, 0.24), (4.95, 0.16), (4.90, 0.21)),
        "PC/AC": ((5.00, 0.00), (5.00, 0.00), (5.00, 0.00)),
        "AS": ((4.95, 0.16), (4.70, 0.35), (4.83, 0.29)),
    },
    "A synthetic": {
        "IQ": ((4.50, 0.33), (4.85, 0.24), (4.85, 0.34)),
        "PC/AC": ((4.60, 0.40), (4.85, 0.24), (4.73, 0.34)),
        "AS": ((4.65, 0.24), (4.80, 0.35), (4.73, 0.30)),
    },
    "B real": {
        "IQ": ((4.55, 0.60), (4.25, 0.54), (4.40, 0.58)),
        "PC/AC": ((4.70, 0.63), (4.30, 0.59), (4.50, 0.63)),
        "AS": ((4.55, 0.64), (4.30, 0.67), (4.43, 0.65)),
    },
    "B synthetic": {
        "IQ": ((4.15, 0.47), (3.95, 0.50), (4.05, 0.48)),
        "PC/AC": ((4.55, 0.44), (4.14, 0.34), (4.35, 0.43)),
        "AS": ((4.30, 0.63), (4.20, 0.63), (4.25, 0.61)),
    },
}
NO_TEN = {(4.60, 0.40), (4.14, 0.34)}
"""Pairs that no ten half grades have."""


def ten_half_grades() -> dict[tuple[float, float], tuple[float, ...]]:
    """Mean and SD, as they are printed, to ten grades in steps of one half that have them."""
    found = {}
    for grades in combinations_with_replacement((2.5, 3.0, 3.5, 4.0, 4.5, 5.0), 10):
        found.setdefault((round(float(np.mean(grades)), 2), round(float(np.std(grades, ddof=1)), 2)), grades)
    return found


def test_qsnet_means_of_the_readers(tmp_path: Path) -> None:
    """Ten half grades of each reader: the means and SDs of both together against the printed ones."""
    known = ten_half_grades()

    def grades(place: tuple[float, float]) -> tuple[float, ...]:
        return known[min(known, key=lambda pair: abs(pair[0] - place[0]) + abs(pair[1] - place[1]))]

    rows = [
        (reader, case, arm, item, grade)
        for arm, items in QSNET.items()
        for item, readers in items.items()
        for reader, place in zip(("R1", "R2"), readers, strict=False)
        for case, grade in enumerate(grades(place))
    ]
    ratings = read(tmp_path / "ratings.csv", rows)
    differing = {}
    for arm, items in QSNET.items():
        for item, readers in items.items():
            values = ratings.items[item].first[:, :, ratings.arms.index(arm)]
            for own, (mean, sd) in zip((*values, values), readers, strict=True):
                found = float(own.mean()), float(own.std(ddof=1))
                if abs(found[0] - mean) > 0.011 or abs(found[1] - sd) > 0.011:
                    differing[arm, item, own.shape] = found
    assert list(differing) == [("A synthetic", "IQ", (2, 10))]
    mean, sd = differing["A synthetic", "IQ", (2, 10)]
    assert mean == pytest.approx(4.675), "printed 4.85, which is the mean of reader 2 alone"
    assert sd == pytest.approx(0.34, abs=0.011), "printed 0.34, which is the SD of both readers"


def test_qsnet_spread_is_too_small_for_whole_grades() -> None:
    """A mean of whole grades lies between two of them, so it has a least SD; the printed ones are below it."""
    pairs = [place for items in QSNET.values() for readers in items.values() for place in readers[:2]]
    below = [place for place in pairs if place[1] + 0.005 < np.sqrt((place[0] % 1) * (1 - place[0] % 1))]
    assert len(pairs) == 24
    assert len(below) == 12
    assert (4.85, 0.24) in below
    known = ten_half_grades()
    assert {place for place in pairs if place not in known} == NO_TEN
