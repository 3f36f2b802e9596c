from __future__ import annotations

import math
import time
from collections.abc import Callable

import by_definition
import numpy as np
import pytest
from scipy import stats
from SynthPerfLib.errors import InputError
from SynthPerfReaderStudyLib.statistics import roc
from SynthPerfReaderStudyLib.statistics.estimate import Estimate
from SynthPerfReaderStudyLib.statistics.mrmc import METHODS, Mrmc, analyse, noninferiority

CONTRACTED = (
    "or_jackknife_rrrc",
    "or_delong_rrrc",
    "or_jackknife_frrc",
    "or_jackknife_rrfc",
    "dbm_rrrc",
    "ustatistic",
)


def study(
    seed: int = 0, arms: int = 2, readers: int = 4, positive: int = 7, negative: int = 8, scale: float = 1.5
) -> tuple[np.ndarray, np.ndarray]:
    """Ratings with ties that vary with arm, reader, case and their interactions."""
    rng = np.random.default_rng(seed)
    truth = np.arange(positive + negative) < positive
    cases = truth.size
    latent = (
        truth * (1.1 + 0.3 * np.arange(arms)[:, None, None] + 0.3 * rng.normal(size=(arms, readers, 1)))
        + 0.6 * rng.normal(size=cases)
        + 0.4 * rng.normal(size=(arms, 1, cases))
        + 0.4 * rng.normal(size=(readers, cases))
        + 0.6 * rng.normal(size=(arms, readers, cases))
    )
    return np.round(scale * latent), truth


def expected_or(
    table: np.ndarray, covariance: np.ndarray, model: str
) -> tuple[float, float | None, float, dict[str, float]]:
    """F or chi-square, denominator degrees of freedom, SE of a difference and components, from the definitions."""
    arms, readers = table.shape
    t, r, tr = by_definition.mean_squares(table)
    c = by_definition.mean_covariances(covariance, arms, readers)
    gap = c["Cov2"] - c["Cov3"]
    components = {
        "VarR": (r - tr) / arms - c["Cov1"] + c["Cov3"],
        "VarTR": tr - c["Var"] + c["Cov1"] + gap,
        **c,
    }
    if model == "frrc":
        error = c["Var"] - c["Cov1"] + (readers - 1) * gap
        return (arms - 1) * t / error, None, math.sqrt(2 * error / readers), components
    degrees = (arms - 1) * (readers - 1)
    error = tr + (readers * max(gap, 0) if model == "rrrc" else 0)
    return t / error, error**2 / (tr**2 / degrees), math.sqrt(2 * error / readers), components


def check_or(found: Mrmc, table: np.ndarray, covariance: np.ndarray, model: str) -> None:
    arms, readers = table.shape
    statistic, df2, se, components = expected_or(table, covariance, model)
    assert found.test.statistic == pytest.approx(statistic, rel=1e-9)
    assert found.test.df1 == arms - 1
    assert found.test.df2 == (pytest.approx(df2, rel=1e-9) if df2 else None)
    assert found.components == pytest.approx(components, rel=1e-9, abs=1e-14)
    np.testing.assert_allclose(found.values, table, atol=1e-14)
    for (a, b), difference in found.differences.items():
        assert difference.estimate == pytest.approx(table[a].mean() - table[b].mean(), abs=1e-14)
        assert difference.se == pytest.approx(se, rel=1e-9)
        law = stats.norm if df2 is None else stats.t(df2)
        assert difference.p == pytest.approx(2 * law.sf(abs(difference.estimate) / se), rel=1e-8)
        assert difference.ci_high == pytest.approx(difference.estimate + law.ppf(0.975) * se, rel=1e-9)
    for arm in range(arms):
        own = covariance.reshape(arms, readers, arms, readers)[arm, :, arm]
        cov2 = max(np.mean([own[i, j] for i in range(readers) for j in range(readers) if i != j]), 0)
        spread = table[arm].var(ddof=1)
        variance, df = {
            "rrrc": (spread / readers + cov2, (spread + readers * cov2) ** 2 / (spread**2 / (readers - 1))),
            "frrc": ((np.trace(own) / readers + (readers - 1) * cov2) / readers, None),
            "rrfc": (spread / readers, readers - 1),
        }[model]
        assert found.arms[arm].se == pytest.approx(math.sqrt(variance), rel=1e-9)
        assert found.arms[arm].df1 == (pytest.approx(df, rel=1e-9) if df else None)


@pytest.mark.parametrize("arms", [2, 3])
@pytest.mark.parametrize("model", ["rrrc", "frrc", "rrfc"])
@pytest.mark.parametrize("method", ["jackknife", "delong", "unbiased"])
def test_obuchowski_rockette_follows_its_definition(method: str, model: str, arms: int) -> None:
    scores, truth = study(arms, arms=arms)
    cells = scores.reshape(-1, truth.size)
    table = np.array([by_definition.figure(cell, truth) for cell in cells]).reshape(arms, -1)
    covariance = {
        "jackknife": lambda: by_definition.jackknife(scores, truth)[1],
        "delong": lambda: by_definition.delong(cells, truth),
        "unbiased": lambda: by_definition.unbiased(scores, truth),
    }[method]()
    check_or(analyse(scores, truth, f"or_{method}_{model}"), table, covariance, model)


def test_cov2_below_cov3_is_clipped_with_random_readers_only() -> None:
    scores, truth = study(7, readers=3, positive=6, negative=6)
    random, fixed = analyse(scores, truth), analyse(scores, truth, "or_jackknife_frrc")
    c = random.components
    gap = c["Cov2"] - c["Cov3"]
    assert gap < 0
    ms_tr = by_definition.mean_squares(random.values)[2]
    assert random.differences[0, 1].se == pytest.approx(math.sqrt(2 / 3 * ms_tr))
    assert random.test.df2 == pytest.approx(2)
    assert fixed.differences[0, 1].se == pytest.approx(math.sqrt(2 / 3 * (c["Var"] - c["Cov1"] + 2 * gap)))
    assert c["VarTR"] == pytest.approx(ms_tr - c["Var"] + c["Cov1"] + gap)


@pytest.mark.parametrize("fom", ["sensitivity", "specificity"])
def test_sensitivity_and_specificity_jackknife_over_their_own_cases(fom: str) -> None:
    scores, truth = study(3)
    table = np.array([[by_definition.figure(r, truth, fom, 1.0) for r in arm] for arm in scores])
    covariance = by_definition.jackknife(scores, truth, fom, 1.0)[1]
    found = analyse(scores, truth, fom=fom, threshold=1.0)
    check_or(found, table, covariance, "rrrc")
    shares = roc.performance(scores[0, 0], truth, 1.0)
    assert found.values[0, 0] == getattr(shares, fom).estimate
    by_arm = analyse(scores, truth, fom=fom, threshold=[1.0, 2.0])
    np.testing.assert_array_equal(by_arm.values[0], found.values[0])
    assert by_arm.values[1, 2] == by_definition.figure(scores[1, 2], truth, fom, 2.0)


@pytest.mark.parametrize("fom", ["auc", "sensitivity"])
@pytest.mark.parametrize("arms", [2, 3])
def test_dbm_equals_obuchowski_rockette_with_jackknife(arms: int, fom: str) -> None:
    """Theory: with random readers the two are the same analysis (Hillis et al. 2005); the components correspond."""
    scores, truth = study(10 + arms, arms=arms)
    cut = None if fom == "auc" else 1.0
    for model in ("rrrc", "rrfc"):
        ours = analyse(scores, truth, f"dbm_{model}", fom=fom, threshold=cut)
        theirs = analyse(scores, truth, f"or_jackknife_{model}", fom=fom, threshold=cut)
        for a, b in [(ours.test, theirs.test), *zip(ours.arms, theirs.arms, strict=True)]:
            same(a, b)
        for pair, difference in ours.differences.items():
            same(difference, theirs.differences[pair])
    gap = theirs.components["Cov2"] - theirs.components["Cov3"]
    cases = truth.sum() if fom == "sensitivity" else truth.size
    assert ours.components["VarTC"] / cases == pytest.approx(gap, abs=1e-12)
    assert ours.components["VarTR"] == pytest.approx(theirs.components["VarTR"], abs=1e-12)


def same(a: Estimate, b: Estimate) -> None:
    for name in ("estimate", "se", "ci_low", "ci_high", "statistic", "df1", "df2", "p"):
        x, y = getattr(a, name), getattr(b, name)
        assert (x is None) == (y is None), name
        assert x is None or x == pytest.approx(y, rel=1e-8), name


def test_dbm_is_an_analysis_of_variance_of_pseudovalues() -> None:
    scores, truth = study(20)
    pseudo = by_definition.jackknife(scores, truth)[0].reshape(2, 4, -1)
    averaged = pseudo.mean(axis=1)
    t = averaged.shape[1] * 4 * averaged.mean(axis=1).var(ddof=1)
    rest = averaged - averaged.mean(axis=1, keepdims=True) - averaged.mean(axis=0) + averaged.mean()
    found = analyse(scores, truth, "dbm_frrc")
    assert found.test.statistic == pytest.approx(t / (4 * np.sum(rest**2) / (truth.size - 1)), rel=1e-9)
    assert (found.test.df1, found.test.df2) == (1, truth.size - 1)
    paired = stats.ttest_1samp(pseudo[0, 2] - pseudo[1, 2], 0)
    one = found.reader_differences[0, 1][2]
    assert (one.statistic, one.p) == (pytest.approx(paired.statistic), pytest.approx(paired.pvalue))
    single = stats.ttest_1samp(pseudo[0].mean(axis=0), 0).confidence_interval()
    assert (found.arms[0].ci_low, found.arms[0].ci_high) == (pytest.approx(single.low), pytest.approx(single.high))


def test_ustatistic_is_the_product_less_its_estimate_from_distinct_readers_and_cases() -> None:
    scores, truth = study(30)
    averages, covariance = by_definition.one_shot(scores, truth)
    found = analyse(scores, truth, "ustatistic")
    difference = found.differences[0, 1]
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    assert difference.estimate == pytest.approx(averages[0] - averages[1])
    assert difference.se == pytest.approx(math.sqrt(variance), rel=1e-9)
    assert difference.df1 == pytest.approx(by_definition.one_shot_df(scores, truth, variance), rel=1e-9)
    law = stats.t(math.floor(difference.df1))
    assert difference.p == pytest.approx(2 * law.sf(abs(difference.estimate) / difference.se))
    assert [arm.se for arm in found.arms] == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-9)
    assert (found.test.statistic, found.test.p) == (pytest.approx(difference.statistic**2), difference.p)


@pytest.mark.parametrize("design", ["scattered", "readers nested in arms", "cases nested in arms", "blocks"])
def test_ustatistic_of_any_pattern_of_missing_readings(design: str) -> None:
    scores, truth = study(31, readers=4, positive=8, negative=8)
    case = np.arange(truth.size)
    if design == "scattered":
        scores[np.random.default_rng(0).random(scores.shape) < 0.15] = np.nan
    elif design == "readers nested in arms":
        scores[0, 2:], scores[1, :2] = np.nan, np.nan
    elif design == "cases nested in arms":
        scores[0][:, case % 2 == 0], scores[1][:, case % 2 == 1] = np.nan, np.nan
    else:
        scores[:, :2, case % 2 == 0], scores[:, 2:, case % 2 == 1] = np.nan, np.nan
    averages, covariance = by_definition.one_shot(np.where(np.isnan(scores), np.nan, scores), truth)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    difference = analyse(scores, truth, "ustatistic").differences[0, 1]
    assert difference.estimate == pytest.approx(averages[0] - averages[1], abs=1e-12)
    assert difference.se == pytest.approx(math.sqrt(variance), rel=1e-9)
    assert "missing readings" in difference.note


@pytest.mark.parametrize("fom", ["sensitivity", "specificity"])
def test_ustatistic_of_shares_has_one_class_of_cases(fom: str) -> None:
    scores, truth = study(33, arms=3)
    right = scores[:, :, truth] >= 1 if fom == "sensitivity" else scores[:, :, ~truth] < 1
    arms, readers, cases = right.shape
    averages = right.mean(axis=(1, 2))
    covariance = np.empty((arms, arms))
    for a, b in np.ndindex(arms, arms):
        pairs = [
            right[a, r, i] * right[b, q, k]
            for r, q, i, k in np.ndindex(readers, readers, cases, cases)
            if r != q and i != k
        ]
        covariance[a, b] = averages[a] * averages[b] - np.mean(pairs)
    found = analyse(scores, truth, "ustatistic", fom=fom, threshold=1)
    for (a, b), difference in found.differences.items():
        variance = covariance[a, a] + covariance[b, b] - 2 * covariance[a, b]
        assert difference.se == (pytest.approx(math.sqrt(variance), rel=1e-8) if variance > 0 else None)
        assert difference.estimate == pytest.approx(averages[a] - averages[b])
    assert found.test.statistic is None
    assert "more than two arms" in found.test.note


def test_unpaired_readers_and_cases_leave_independent_arms() -> None:
    """Nothing shared: the variance of the difference is the sum of both."""
    scores, truth = study(32, readers=6, positive=10, negative=12)
    case = np.arange(truth.size)
    scores[0, 3:], scores[1, :3] = np.nan, np.nan
    scores[0][:, case % 2 == 0], scores[1][:, case % 2 == 1] = np.nan, np.nan
    found = analyse(scores, truth, "ustatistic")
    assert found.differences[0, 1].se == pytest.approx(math.hypot(found.arms[0].se, found.arms[1].se), rel=1e-6)
    assert found.reader_differences[0, 1][0].estimate is None
    assert found.readers[1][0].note == "this reader did not read here"


@pytest.mark.parametrize("method", ["jackknife", "unbiased"])
@pytest.mark.parametrize("nested_in", ["arms", "readers", "blocks"])
def test_obuchowski_rockette_of_nested_cases(nested_in: str, method: str) -> None:
    scores, truth = study(40, readers=4, positive=16, negative=16)
    group = np.arange(truth.size) // 2 % {"arms": 2, "readers": 4, "blocks": 2}[nested_in]
    for arm, reader in np.ndindex(2, 4):
        own = {"arms": arm, "readers": reader, "blocks": reader // 2}[nested_in]
        scores[arm, reader, group != own] = np.nan
    cells = scores.reshape(8, -1)
    table = np.array([by_definition.figure(cell, truth) for cell in cells]).reshape(2, 4)
    covariance = (by_definition.jackknife(scores, truth)[1], by_definition.unbiased(scores, truth))[
        method == "unbiased"
    ]
    found = analyse(scores, truth, f"or_{method}_rrrc")
    check_or(found, table, covariance, "rrrc")
    zero = {"arms": ("Cov1", "Cov3"), "readers": ("Cov2", "Cov3"), "blocks": ()}[nested_in]
    assert all(abs(found.components[name]) < 1e-15 for name in zero)
    assert "missing readings" in found.test.note


def test_variance_of_the_difference_holds_in_blocks_of_readers() -> None:
    """Split-plot: over simulated studies the mean squared SE is the variance of the difference."""
    rng = np.random.default_rng(1)
    truth = np.tile([True, False], 24)
    block = np.arange(48) // 24
    differences, squares = [], []
    for _ in range(1500):
        latent = truth + 0.7 * rng.normal(size=48) + 0.7 * rng.normal(size=(2, 1, 48)) + rng.normal(size=(2, 4, 48))
        latent += truth * 0.6 * rng.normal(size=(2, 4, 1))
        for reader in range(4):
            latent[:, reader, block != reader // 2] = np.nan
        found = analyse(latent, truth).differences[0, 1]
        differences.append(found.estimate)
        squares.append(found.se**2)
    assert np.mean(squares) == pytest.approx(np.var(differences), rel=0.12)


def test_reader_differences_are_those_of_single_readers() -> None:
    scores, truth = study(50)
    found = analyse(scores, truth, "or_delong_frrc")
    for reader, difference in enumerate(found.reader_differences[0, 1]):
        same(difference, roc.auc_difference(scores[0, reader], scores[1, reader], truth))
    single = roc.auc(scores[1, 2], truth)
    assert found.readers[1][2].se == pytest.approx(single.se, rel=1e-9)


def test_noninferiority() -> None:
    scores, truth = study(60, readers=5, positive=20, negative=20)
    for method in ("or_jackknife_rrrc", "or_jackknife_frrc", "ustatistic"):
        found = analyse(scores, truth, method)
        difference = found.differences[0, 1]
        touching = -difference.ci_low  # a margin that the lower limit just touches
        test = noninferiority(found, (0, 1), touching)
        assert test.p == pytest.approx(0.025, rel=1e-6)
        assert (test.ci_low, test.threshold) == (pytest.approx(difference.ci_low), touching)
        assert noninferiority(found, (0, 1), touching + 0.01).p < 0.025
        turned = analyse(scores[::-1], truth, method)
        other = noninferiority(turned, (0, 1), touching, new="b")
        assert (other.estimate, other.p) == (pytest.approx(-difference.estimate), pytest.approx(0.025, rel=1e-6))
    with pytest.raises(InputError, match="margin must be above 0"):
        noninferiority(found, (0, 1), 0.0)


@pytest.mark.parametrize("method", METHODS)
def test_arms_and_readers_may_come_in_any_order(method: str) -> None:
    scores, truth = study(70, arms=3)
    found = analyse(scores, truth, method)
    turned = analyse(scores[::-1, ::-1, ::-1], truth[::-1], method)
    same(found.test, turned.test)
    assert turned.differences[0, 2].estimate == pytest.approx(-found.differences[0, 2].estimate)
    assert turned.differences[0, 2].se == pytest.approx(found.differences[0, 2].se)
    same(turned.arms[0], found.arms[2])


@pytest.mark.parametrize("method", METHODS)
def test_only_the_order_of_scores_matters(method: str) -> None:
    scores, truth = study(71)
    same(analyse(scores, truth, method).test, analyse(np.exp(scores / 3), truth, method).test)


@pytest.mark.parametrize("method", METHODS)
def test_identical_arms_have_no_difference_and_no_not_a_number(method: str) -> None:
    scores, truth = study(72)
    scores[1] = scores[0]
    found = analyse(scores, truth, method)
    assert found.differences[0, 1].estimate == pytest.approx(0, abs=1e-15)
    assert found.differences[0, 1].p is None
    assert "not positive" in found.differences[0, 1].note
    assert found.test.statistic is None


@pytest.mark.parametrize("method", METHODS)
def test_a_perfect_arm_has_finite_results(method: str) -> None:
    scores, truth = study(73)
    scores[1] = np.where(truth, 9, 1)
    found = analyse(scores, truth, method)
    assert found.arms[1].estimate == 1.0
    estimates = [found.test, *found.arms, *found.differences.values(), *found.reader_differences[0, 1]]
    for estimate in (*estimates, *(e for row in found.readers for e in row)):
        numbers = (getattr(estimate, name) for name in ("estimate", "se", "ci_low", "ci_high", "statistic", "df1", "p"))
        assert all(number is None or math.isfinite(number) for number in numbers)


def test_readers_without_spread_have_a_normal_interval() -> None:
    """MS(TR) = 0: the degrees of freedom are unbounded, which no field can hold."""
    scores, truth = study(74)
    scores[:, 1:] = scores[:, :1]
    found = analyse(scores, truth)
    assert found.differences[0, 1].df1 is None
    assert found.differences[0, 1].p == pytest.approx(2 * stats.norm.sf(abs(found.differences[0, 1].statistic)))


@pytest.mark.parametrize(
    ("change", "method", "sentence"),
    [
        (lambda s: s[:1], "or_jackknife_rrrc", "two arms and two readers; there are 1 and 4"),
        (lambda s: s[:, :1], "ustatistic", "two arms and two readers; there are 2 and 1"),
        (lambda s: np.where(np.arange(15) < 7, np.nan, s), "or_jackknife_rrrc", "arm 1, reader 1 has fewer"),
        (lambda s: np.where(np.arange(15) < 6, np.nan, s), "dbm_rrrc", "two positive and two negative"),
        (lambda s: _without(s, (1, 2)), "or_jackknife_frrc", "reader 3 has no score in arm 2"),
        (lambda s: _without(s, (1, 2, 3)), "or_delong_rrrc", "missing readings: 1"),
        (lambda s: _without(s, (0, 0, 3)), "dbm_rrrc", "missing readings: 1"),
        (lambda s: _without(s, (1,)), "ustatistic", "Arm 2 has no score"),
        (lambda s: s[0], "ustatistic", "must be"),
        (lambda s: s, "or_bootstrap_rrrc", "Unknown multi-reader method"),
    ],
)
def test_designs_that_do_not_allow_an_analysis_are_refused(
    change: Callable[[np.ndarray], np.ndarray], method: str, sentence: str
) -> None:
    scores, truth = study(80)
    with pytest.raises(InputError, match=sentence):
        analyse(change(scores), truth, method)


def _without(scores: np.ndarray, where: tuple[int, ...]) -> np.ndarray:
    scores[where] = np.nan
    return scores


def test_figures_of_merit_are_checked() -> None:
    scores, truth = study(81)
    with pytest.raises(InputError, match="Unknown figure of merit"):
        analyse(scores, truth, fom="accuracy")
    with pytest.raises(InputError, match="needs a threshold"):
        analyse(scores, truth, fom="sensitivity")


def test_ten_readers_thousand_cases_two_arms_in_less_than_four_tenths_of_a_second() -> None:
    scores, truth = study(90, readers=10, positive=500, negative=500, scale=20)
    analyse(scores, truth, "ustatistic")
    start = time.process_time()
    for method in CONTRACTED:
        analyse(scores, truth, method)
    assert time.process_time() - start < 0.4
