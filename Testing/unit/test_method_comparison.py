"""Method comparison against its definitions with loops, and properties that must hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from SynthPerfReaderStudyLib.statistics import method_comparison as mc

RNG = np.random.default_rng(41)
X = np.round(RNG.normal(5, 1.5, 25), 1)
Y = np.round(0.8 * X + 1 + RNG.normal(0, 0.4, 25), 1)


def passing_bablok_by_loops(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Slope and its limits: every pair's angle in a list, as the convention says."""
    angles = []
    n = len(x)
    for i in range(n):
        for j in range(i + 1, n):
            dx, dy = x[i] - x[j], y[i] - y[j]
            if dx == 0 and dy == 0:
                continue
            if dx == 0:
                angles.append(90.0)
            elif not math.isclose(dy / dx, -1, rel_tol=1e-9):
                angles.append(math.degrees(math.atan(dy / dx)))
    angles.sort()
    below = sum(angle < -45 for angle in angles)
    half = round(stats.norm.ppf(0.975) * math.sqrt(n * (n - 1) * (2 * n + 5) / 18))

    def at(rank: float) -> float:
        low, high = math.floor(rank) + below - 1, math.ceil(rank) + below - 1
        return math.tan(math.radians((angles[low] + angles[high]) / 2))

    middle = (len(angles) + 1) / 2
    return at(middle), at(middle - half / 2), at(middle + half / 2)


@pytest.mark.parametrize("seed", range(8))
def test_passing_bablok_is_the_shifted_median_of_all_angles(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(8, 30))
    x = rng.integers(0, 12, n).astype(float)
    y = x + rng.integers(-4, 5, n)
    slope, low, high = passing_bablok_by_loops(x, y)
    found = mc.passing_bablok(x, y)
    assert (found["slope"].estimate, found["slope"].ci_low, found["slope"].ci_high) == pytest.approx((slope, low, high))
    line = found["intercept"]
    expected = [np.median(y - b * x) for b in (slope, high, low)]
    assert (line.estimate, line.ci_low, line.ci_high) == pytest.approx(tuple(expected))


def test_passing_bablok_takes_the_line_that_the_data_are_on() -> None:
    found = mc.passing_bablok(X, 2 * X + 3)
    assert found["slope"].estimate == pytest.approx(2)
    assert found["intercept"].estimate == pytest.approx(3)


def test_decimals_that_differ_by_rounding_only_still_make_a_slope_of_minus_one() -> None:
    """0.1, 0.2, 0.3 against 0.3, 0.2, 0.1: every slope is -1, so none is left."""
    found = mc.passing_bablok(np.array([0.1, 0.2, 0.3]), np.array([0.3, 0.2, 0.1]))
    assert found["slope"].estimate is None
    assert found["slope"].note


def test_exchanging_the_methods_inverts_deming_and_passing_bablok() -> None:
    for fit in (mc.deming, mc.passing_bablok):
        forward, backward = fit(X, Y)["slope"].estimate, fit(Y, X)["slope"].estimate
        assert forward is not None
        assert backward is not None
        assert forward * backward == pytest.approx(1, rel=0.02 if fit is mc.passing_bablok else 1e-9)


def test_deming_minimises_the_weighted_distances_and_its_error_is_the_jackknife() -> None:
    ratio = 1.7

    def line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        found = mc.deming(x, y, ratio=ratio)
        assert found["slope"].estimate is not None
        assert found["intercept"].estimate is not None
        return found["slope"].estimate, found["intercept"].estimate

    slope, intercept = line(X, Y)

    def loss(b: float, a: float) -> float:
        return float(((Y - a - b * X) ** 2 / (1 + b * b * ratio)).sum())

    for step in ((1e-3, 0), (-1e-3, 0), (0, 1e-3), (0, -1e-3)):
        assert loss(slope + step[0], intercept + step[1]) > loss(slope, intercept)
    n = len(X)
    left_out = np.array([line(np.delete(X, i), np.delete(Y, i)) for i in range(n)])
    pseudo = n * np.array([slope, intercept]) - (n - 1) * left_out
    found = mc.deming(X, Y, ratio=ratio)
    expected = pseudo.std(axis=0, ddof=1) / math.sqrt(n)
    assert [found["slope"].se, found["intercept"].se] == pytest.approx(list(expected))
    half = stats.t.ppf(0.975, n - 2) * expected[0]
    assert found["slope"].ci_high == pytest.approx(slope + half)


def test_least_squares_is_scipys() -> None:
    found, expected = mc.ols(X, Y), stats.linregress(X, Y)
    assert found["slope"].estimate == pytest.approx(expected.slope)
    assert found["slope"].se == pytest.approx(expected.stderr)
    assert found["slope"].p == pytest.approx(expected.pvalue)
    assert found["intercept"].se == pytest.approx(expected.intercept_stderr)


def test_limits_of_agreement_are_those_of_the_differences() -> None:
    d = X - Y
    found = mc.bland_altman(X, Y)
    assert found["bias"].estimate == pytest.approx(d.mean())
    assert found["bias"].p == pytest.approx(stats.ttest_rel(X, Y).pvalue)
    assert found["loa_upper"].estimate == pytest.approx(d.mean() + 1.96 * d.std(ddof=1))
    half = stats.t.ppf(0.975, len(d) - 1) * math.sqrt(3 / len(d)) * d.std(ddof=1)
    assert found["loa_upper"].ci_low == pytest.approx(d.mean() + 1.96 * d.std(ddof=1) - half)
    slope = stats.linregress((X + Y) / 2, d)
    assert found["proportional_slope"].estimate == pytest.approx(slope.slope)
    assert found["proportional_slope"].p == pytest.approx(slope.pvalue)


def test_exact_limits_are_the_noncentral_t_of_carkeet() -> None:
    d = X - Y
    n, z = len(d), stats.norm.ppf(0.975)
    ends = [d.mean() + d.std(ddof=1) * stats.nct.ppf(q, n - 1, z * math.sqrt(n)) / math.sqrt(n) for q in (0.025, 0.975)]
    found = mc.bland_altman(X, Y)
    assert [found["loa_upper_exact"].ci_low, found["loa_upper_exact"].ci_high] == pytest.approx(ends)
    # The same below, mirrored about the bias.
    mirrored = [2 * d.mean() - end for end in reversed(ends)]
    assert [found["loa_lower_exact"].ci_low, found["loa_lower_exact"].ci_high] == pytest.approx(mirrored)


def test_bootstrap_limits_come_from_the_seed() -> None:
    one, same, other = (mc.bland_altman_bootstrap(X, Y, seed=seed)["loa_upper"] for seed in (3, 3, 4))
    assert one == same
    assert one != other
    approximate = mc.bland_altman(X, Y)["loa_upper"]
    assert one.ci_high == pytest.approx(approximate.ci_high, abs=0.3)


def test_lin_is_pearson_times_the_bias_correction() -> None:
    found = mc.lin_ccc(X, Y)
    assert found.estimate is not None
    r = stats.pearsonr(X, Y).statistic
    v, u = X.std() / Y.std(), (X.mean() - Y.mean()) / math.sqrt(X.std() * Y.std())
    bias = 2 / (v + 1 / v + u * u)
    assert found.estimate == pytest.approx(r * bias)
    assert float(found.note.split()[1]) == pytest.approx(bias, abs=1e-6)
    # Without any shift or stretch Lin's variance becomes that of Fisher's z with n - 2.
    z = (Y - Y.mean()) / Y.std() * X.std() + X.mean()
    plain = mc.lin_ccc(X, z)
    assert plain.ci_high == pytest.approx(math.tanh(math.atanh(r) + stats.norm.ppf(0.975) / math.sqrt(len(X) - 2)))


def test_correlations_are_scipys() -> None:
    pearson = stats.pearsonr(X, Y)
    found = mc.pearson(X, Y)
    assert (found.estimate, found.p) == pytest.approx((pearson.statistic, pearson.pvalue))
    interval = pearson.confidence_interval()
    assert (found.ci_low, found.ci_high) == pytest.approx((interval.low, interval.high))
    spearman = stats.spearmanr(X, Y)
    assert (mc.spearman(X, Y).estimate, mc.spearman(X, Y).p) == pytest.approx((spearman.statistic, spearman.pvalue))
    assert mc.kendall_tau(X, Y).estimate == pytest.approx(stats.kendalltau(X, Y).statistic)


def test_repeatability_is_the_within_subject_spread() -> None:
    found = mc.repeatability(X, Y)
    wsd = math.sqrt(np.mean(np.stack([X, Y]).var(axis=0, ddof=1)))
    assert found["wsd"].estimate == pytest.approx(wsd)
    assert found["rc"].estimate == pytest.approx(2.7718585822513 * wsd)


def test_ratios_are_geometric_and_percent_is_of_the_mean() -> None:
    ratio = mc.bland_altman_ratio(X, 1.2 * X)["bias"]
    assert ratio.estimate == pytest.approx(1 / 1.2)
    percent = mc.bland_altman_percent(X, 1.2 * X)["bias"]
    assert percent.estimate == pytest.approx(-100 * 0.2 / 1.1)
    assert mc.bland_altman_ratio(X - X.min(), Y) == {}
    assert mc.bland_altman_percent(np.array([1.0, -1.0]), np.array([-1.0, 2.0])) == {}


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=8))
def test_any_pairs_give_finite_numbers_or_a_reason(pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs, float).T
    found = [*mc.bland_altman(x, y).values(), *mc.deming(x, y).values(), *mc.passing_bablok(x, y).values()]
    found += [*mc.ols(x, y).values(), mc.pearson(x, y), mc.spearman(x, y), mc.lin_ccc(x, y), mc.kendall_tau(x, y)]
    for estimate in found:
        numbers = [estimate.estimate, estimate.se, estimate.ci_low, estimate.ci_high, estimate.statistic, estimate.p]
        assert all(number is None or np.isfinite(number) for number in numbers)
        assert estimate.estimate is not None or estimate.note
