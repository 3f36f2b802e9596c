from __future__ import annotations

import math
from itertools import pairwise

import by_definition
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from sklearn.metrics import roc_auc_score
from sklearn.metrics import roc_curve as sklearn_curve
from SynthPerfLib.errors import InputError
from SynthPerfReaderStudyLib.statistics import proportions, roc

Z = 1.959963984540054


@st.composite
def readings(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Ratings on a short scale, so with many ties, of at least two cases of each class."""
    positive = draw(st.lists(st.integers(1, 5), min_size=2, max_size=12))
    negative = draw(st.lists(st.integers(1, 5), min_size=2, max_size=12))
    return np.array(positive + negative, float), np.array([True] * len(positive) + [False] * len(negative))


def simulated(seed: int, n: int = 60, sets: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 3 == 0
    return np.round(2 * (rng.normal(size=(sets, n)) + truth + 0.7 * rng.normal(size=n))), truth


@given(readings())
@settings(deadline=None, max_examples=60)
def test_auc_and_its_variance_follow_the_definition(data: tuple[np.ndarray, np.ndarray]) -> None:
    scores, truth = data
    found = roc.auc(scores, truth)
    assert found.estimate == pytest.approx(by_definition.figure(scores, truth), abs=1e-14)
    assert found.estimate == pytest.approx(roc_auc_score(truth, scores), abs=1e-14)
    se = math.sqrt(by_definition.delong(scores[None], truth)[0, 0])
    assert found.se == pytest.approx(se, abs=1e-14)
    assert found.ci_low == pytest.approx(max(0.0, found.estimate - Z * se), abs=1e-12)
    assert found.ci_high == pytest.approx(min(1.0, found.estimate + Z * se), abs=1e-12)


@given(readings())
@settings(deadline=None, max_examples=40)
def test_auc_mirrors_when_scores_or_truth_turn_round(data: tuple[np.ndarray, np.ndarray]) -> None:
    scores, truth = data
    area = roc.auc(scores, truth).estimate
    assert roc.auc(-scores, truth).estimate == pytest.approx(1 - area, abs=1e-14)
    assert roc.auc(scores, ~truth).estimate == pytest.approx(1 - area, abs=1e-14)
    assert roc.auc(np.exp(scores), truth).se == pytest.approx(roc.auc(scores, truth).se, abs=1e-14)


def test_delong_covariance_of_several_score_sets() -> None:
    scores, truth = simulated(1, sets=4)
    areas, covariance = roc.delong_covariance(scores, truth)
    np.testing.assert_allclose(areas, [by_definition.figure(row, truth) for row in scores], atol=1e-14)
    np.testing.assert_allclose(covariance, by_definition.delong(scores, truth), atol=1e-15)


def test_missing_scores_are_left_out() -> None:
    scores, truth = simulated(2)
    holed = scores.copy()
    holed[0, :5], holed[1, 3:9] = np.nan, np.nan
    assert roc.auc(holed[0], truth) == roc.auc(scores[0, 5:], truth[5:])
    both = roc.auc_difference(holed[0], holed[1], truth)
    assert both == roc.auc_difference(scores[0, 9:], scores[1, 9:], truth[9:])
    assert (both.n, both.n_pos, both.n_neg) == (51, 17, 34)


def test_separated_and_constant_scores_say_that_their_interval_is_none() -> None:
    truth = np.array([True, True, False, False])
    for scores, area in (([3, 4, 1, 2], 1.0), ([1, 2, 3, 4], 0.0), ([1, 1, 1, 1], 0.5)):
        found = roc.auc(scores, truth)
        assert (found.estimate, found.se, found.ci_low, found.ci_high) == (area, 0.0, area, area)
        assert "variance is 0" in found.note


def test_one_case_of_a_class_gives_an_area_without_interval() -> None:
    found = roc.auc([3, 1, 3], [True, False, False])
    assert (found.estimate, found.se, found.ci_low) == (0.75, None, None)
    assert "one case" in found.note


@pytest.mark.parametrize("truth", [[True, True, True], [False, False, False]])
def test_one_class_only_is_refused(truth: list[bool]) -> None:
    with pytest.raises(InputError, match="needs positive and negative cases"):
        roc.auc([1, 2, 3], truth)
    with pytest.raises(InputError, match="2 positive and 0 negative"):
        roc.auc([1, 2, np.nan], [True, True, False])


def test_scores_and_truth_of_different_length_are_refused() -> None:
    with pytest.raises(InputError, match="One score per case"):
        roc.auc([1, 2, 3], [True, False])


def test_paired_difference_and_its_sides() -> None:
    (a, b), truth = simulated(3)
    found = roc.auc_difference(a, b, truth)
    covariance = by_definition.delong(np.stack([a, b]), truth)
    se = math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    assert found.se == pytest.approx(se, rel=1e-12)
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(found.estimate) / se), rel=1e-12)
    greater = roc.auc_difference(a, b, truth, alternative="greater")
    less = roc.auc_difference(a, b, truth, alternative="less")
    assert greater.p + less.p == pytest.approx(1)
    assert min(greater.p, less.p) == pytest.approx(found.p / 2)
    assert "one-sided" in greater.note
    swapped = roc.auc_difference(b, a, truth)
    assert (swapped.estimate, swapped.ci_low) == (pytest.approx(-found.estimate), pytest.approx(-found.ci_high))


def test_identical_scores_have_no_test() -> None:
    (a, _), truth = simulated(4)
    found = roc.auc_difference(a, 2 * a + 1, truth)
    assert (found.estimate, found.statistic, found.p) == (0.0, None, None)
    assert "variance of the difference is 0" in found.note


def test_unpaired_difference_adds_the_variances() -> None:
    (a, _), truth = simulated(5)
    (b, _), other = simulated(6, n=45)
    first, second = roc.auc(a, truth), roc.auc(b, other)
    found = roc.auc_difference_unpaired(a, truth, b, other)
    assert found.estimate == pytest.approx(first.estimate - second.estimate)
    assert found.se == pytest.approx(math.hypot(first.se, second.se))
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(found.estimate) / found.se))
    assert (found.n, found.n_pos, found.n_neg) == (105, 35, 70)
    with pytest.raises(InputError, match="two positive and two negative"):
        roc.auc_difference_unpaired(a, truth, [1, 2, 3], [True, False, False])


def test_bootstrap_is_seeded_and_near_delong() -> None:
    (scores, _), truth = simulated(7, n=120)
    found = roc.auc_bootstrap(scores, truth, resamples=4000, seed=5)
    assert found == roc.auc_bootstrap(scores, truth, resamples=4000, seed=5)
    assert found != roc.auc_bootstrap(scores, truth, resamples=4000, seed=6)
    exact = roc.auc(scores, truth)
    assert found.estimate == pytest.approx(exact.estimate, abs=1e-14)
    assert found.se == pytest.approx(exact.se, rel=0.06)
    assert found.ci_low == pytest.approx(exact.ci_low, abs=0.015)
    assert "seed 5" in found.note


def test_bootstrap_draws_cases_within_their_class() -> None:
    """The counts of scores drawn have the variance that drawing single cases has."""
    scores, truth = np.array([1.0, 2, 2, 3, 1, 1, 2, 3, 3]), np.array([True] * 4 + [False] * 5)
    rng = np.random.default_rng(0)
    drawn = [
        by_definition.figure(np.concatenate([rng.choice(scores[:4], 4), rng.choice(scores[4:], 5)]), truth)
        for _ in range(4000)
    ]
    found = roc.auc_bootstrap(scores, truth, resamples=20000)
    assert found.se == pytest.approx(np.std(drawn, ddof=1), rel=0.04)
    assert found.ci_low == pytest.approx(np.quantile(drawn, 0.025), abs=0.026)


def test_curve_is_that_of_scikit_learn() -> None:
    (scores, _), truth = simulated(8)
    curve = roc.roc_curve(scores, truth)
    fpr, tpr, thresholds = sklearn_curve(truth, scores, drop_intermediate=False)
    np.testing.assert_allclose(curve.fpr, fpr)
    np.testing.assert_allclose(curve.tpr, tpr)
    np.testing.assert_allclose(curve.thresholds[1:], thresholds[1:])
    area = sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in pairwise(zip(curve.fpr, curve.tpr, strict=True)))
    assert area == pytest.approx(roc.auc(scores, truth).estimate)


@pytest.mark.parametrize("limit", [0.05, 0.1, 0.37, 1.0])
def test_partial_auc(limit: float) -> None:
    (scores, _), truth = simulated(9)
    corrected = roc.partial_auc(scores, truth, fpr=(0, limit), corrected=True)
    assert corrected == pytest.approx(roc_auc_score(truth, scores, max_fpr=limit), abs=1e-12)
    whole = roc.auc(scores, truth).estimate
    parts = roc.partial_auc(scores, truth, fpr=(0, limit))
    if limit < 1:
        parts += roc.partial_auc(scores, truth, fpr=(limit, 1))
        beside = roc.partial_auc(scores, truth, tpr=(0, limit)) + roc.partial_auc(scores, truth, tpr=(limit, 1))
        assert beside == pytest.approx(whole)
    assert parts == pytest.approx(whole)
    turned = roc.partial_auc(-scores, ~truth, fpr=(0, limit), corrected=True)
    assert roc.partial_auc(scores, truth, tpr=(1 - limit, 1), corrected=True) == pytest.approx(turned)


@pytest.mark.parametrize("ranges", [{}, {"fpr": (0, 1), "tpr": (0, 1)}, {"fpr": (0.2, 0.2)}, {"tpr": (-0.1, 1)}])
def test_partial_auc_needs_one_range(ranges: dict[str, tuple[float, float]]) -> None:
    with pytest.raises(InputError, match="one range"):
        roc.partial_auc([1, 2], [True, False], **ranges)


@given(readings())
@settings(deadline=None, max_examples=60)
def test_youden_is_the_best_midpoint(data: tuple[np.ndarray, np.ndarray]) -> None:
    scores, truth = data
    found = roc.youden(scores, truth)
    levels = sorted(set(scores))
    if len(levels) == 1:
        assert found.threshold is None
        assert "same" in found.note
        return
    index = {
        (low + high) / 2: np.mean(scores[truth] > (low + high) / 2) + np.mean(scores[~truth] < (low + high) / 2) - 1
        for low, high in pairwise(levels)
    }
    best = [cut for cut, value in index.items() if value > max(index.values()) - 1e-9]
    assert found.threshold == min(best)
    assert found.estimate == pytest.approx(max(index.values()))
    assert ("equally good" in found.note) == (len(best) > 1)


def test_performance_counts_a_score_at_the_threshold_as_positive() -> None:
    found = roc.performance([3, 2, 1, 3, 1, 1], [True, True, True, False, False, False], 2)
    assert (found.tp, found.fn, found.fp, found.tn) == (2, 1, 1, 2)
    assert found.sensitivity.estimate == found.specificity.estimate == pytest.approx(2 / 3)
    assert found.ppv.estimate == found.npv.estimate == found.accuracy.estimate == pytest.approx(2 / 3)
    assert (found.ppv.ci_low, found.ppv.ci_high) == pytest.approx(proportions.wilson(2, 3))
    exact = roc.performance([3, 2, 1, 3, 1, 1], [1, 1, 1, 0, 0, 0], 2, interval="clopper_pearson", level=0.9)
    assert (exact.accuracy.ci_low, exact.accuracy.ci_high) == pytest.approx(proportions.clopper_pearson(4, 6, 0.9))


def test_performance_without_positive_calls_has_no_predictive_value() -> None:
    found = roc.performance([1, 2, 1, 2], [True, True, False, False], 9)
    assert found.ppv.estimate is None
    assert found.ppv.note == "no case was called positive"
    assert found.npv.estimate == 0.5
    assert (found.sensitivity.estimate, found.sensitivity.ci_low) == (0.0, 0.0)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.9, 0.95]))
@settings(deadline=None, max_examples=60)
def test_intervals_of_a_proportion_equal_scipy(counts: tuple[int, int], level: float) -> None:
    test = stats.binomtest(*counts)
    for ours, method in ((proportions.wilson, "wilson"), (proportions.clopper_pearson, "exact")):
        expected = test.proportion_ci(level, method=method)
        assert ours(*counts, level) == pytest.approx((expected.low, expected.high), abs=1e-10)


@given(st.integers(0, 40), st.integers(0, 40))
@settings(deadline=None, max_examples=60)
def test_mcnemar(b: int, c: int) -> None:
    found = proportions.mcnemar(b, c)
    if b == c:
        assert (found.exact, found.chi_square, found.chi_square_corrected) == (1.0, 0.0, 0.0)
        return
    assert found.exact == pytest.approx(stats.binomtest(b, b + c).pvalue, rel=1e-9)
    assert found.mid == pytest.approx(found.exact - stats.binom.pmf(b, b + c, 0.5), rel=1e-9)
    assert found.chi_square == pytest.approx((b - c) ** 2 / (b + c))


def test_mcnemar_with_equal_counts_follows_r() -> None:
    assert proportions.mcnemar(4, 4).mid == pytest.approx(0.7265625)
    assert proportions.mcnemar(0, 0).mid == 1.0


@pytest.mark.parametrize(("b", "c", "n"), [(10, 13, 41), (4, 2, 72), (0, 5, 20), (7, 0, 9), (0, 0, 15), (12, 0, 12)])
def test_tango_bounds_have_the_score_of_the_level(b: int, c: int, n: int) -> None:
    """At a bound the score statistic, with the likelihood maximised under that difference numerically, is 1.96."""
    low, high = proportions.tango(b, c, n)
    assert -1 <= low <= (b - c) / n <= high <= 1
    for bound, sign in ((low, 1), (high, -1)):
        if abs(bound) == 1:
            continue
        floor, ceiling = max(0.0, -bound), (1 - bound) / 2

        def loss(second: float, bound: float = bound) -> float:
            cells = ((b, second + bound), (c, second), (n - b - c, 1 - 2 * second - bound))
            return -sum(count * math.log(max(share, 1e-300)) for count, share in cells if count)

        second = optimize.minimize_scalar(loss, bounds=(floor, ceiling), method="bounded", options={"xatol": 1e-13}).x
        variance = n * (2 * second + bound - bound**2)
        assert (b - c - n * bound) / math.sqrt(variance) == pytest.approx(sign * Z, abs=2e-4)


def test_sensitivity_and_specificity_differences_are_paired() -> None:
    truth = np.array([True] * 6 + [False] * 6)
    a = np.array([2, 2, 2, 2, 1, np.nan, 1, 1, 2, 2, 2, 1.0])
    b = np.array([2, 1, 1, 1, 2, 2, 1, 1, 1, 1, 1, 2.0])
    sensitivity = roc.sensitivity_difference(a, b, truth, 2, 2)
    assert (sensitivity.estimate, sensitivity.n, sensitivity.n_pos) == (pytest.approx(2 / 5), 5, 5)
    assert sensitivity.p == pytest.approx(stats.binomtest(3, 4).pvalue)
    assert (sensitivity.ci_low, sensitivity.ci_high) == proportions.tango(3, 1, 5)
    specificity = roc.specificity_difference(a, b, truth, 2, 2)
    assert (specificity.estimate, specificity.n_neg) == (pytest.approx((1 - 3) / 6), 6)
    with pytest.raises(InputError, match="No positive case"):
        roc.sensitivity_difference(np.where(truth, np.nan, a), b, truth, 2, 2)
