"""Tests of arms against scipy, against every permutation, and against published adjustments."""

from __future__ import annotations

import math
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from SynthPerfReaderStudyLib.statistics import comparisons as c

RNG = np.random.default_rng(7)
A, B = RNG.normal(0.4, 1, 14), RNG.normal(0, 1, 14)


def test_t_tests_are_scipys() -> None:
    paired = stats.ttest_rel(A, B)
    found = c.paired_t(A, B)
    assert (found.statistic, found.p, found.df1) == pytest.approx((paired.statistic, paired.pvalue, 13))
    interval = paired.confidence_interval()
    assert (found.ci_low, found.ci_high) == pytest.approx((interval.low, interval.high))
    for test, equal in ((c.welch_t, False), (c.student_t, True)):
        expected = stats.ttest_ind(A, B[:9], equal_var=equal)
        mine = test(A, B[:9])
        assert (mine.statistic, mine.p, mine.df1) == pytest.approx((expected.statistic, expected.pvalue, expected.df))


def test_signed_ranks_are_exact_over_every_choice_of_signs() -> None:
    first, second = A[:8], B[:8]
    difference = first - second
    ranks = stats.rankdata(abs(difference))
    observed = ranks[difference > 0].sum()
    sums = [sum(rank for rank, sign in zip(ranks, signs, strict=True) if sign) for signs in product((0, 1), repeat=8)]
    p = 2 * min(np.mean(np.array(sums) <= observed), np.mean(np.array(sums) >= observed))
    found = c.wilcoxon(first, second)
    assert found.statistic == observed
    assert found.p == pytest.approx(min(1, p))
    assert "exact" in found.note


def test_rank_sums_are_exact_over_every_choice_of_members() -> None:
    first, second = A[:5], B[:6]
    pooled = np.concatenate([first, second])
    ranks = stats.rankdata(pooled)
    observed = ranks[:5].sum() - 15
    sums = np.array([sum(ranks[i] for i in chosen) - 15 for chosen in combinations(range(11), 5)])
    found = c.mann_whitney(first, second)
    assert found.statistic == observed
    assert found.p == pytest.approx(min(1, 2 * min(np.mean(sums <= observed), np.mean(sums >= observed))))


@pytest.mark.parametrize("size", [(3, 200), (60, 50), (120, 130)])
def test_exact_rank_sums_of_larger_groups_are_scipys(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(size))
    first, second = rng.normal(size=size[0]), rng.normal(0.3, 1, size[1])
    expected = stats.mannwhitneyu(first, second, method="exact")
    found = c.mann_whitney(first, second)
    assert (found.statistic, found.p) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)


def test_ties_and_zeros_give_the_normal_p_without_continuity_correction() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.integers(1, 6, (2, 40)).astype(float)
    found = c.wilcoxon(first, second)
    expected = stats.wilcoxon(first, second, zero_method="wilcox", correction=False, method="asymptotic")
    assert found.p == pytest.approx(expected.pvalue)
    assert "dropped" in found.note
    between = stats.mannwhitneyu(first, second, method="asymptotic", use_continuity=False)
    assert c.mann_whitney(first, second).p == pytest.approx(between.pvalue)


def test_decimals_that_are_equal_but_for_rounding_are_ties() -> None:
    """0.3 - 0.2 and 0.2 - 0.1 are one size, as 3 - 2 and 2 - 1 are."""
    tenths = np.array([[0.3, 0.2], [0.2, 0.1], [0.7, 0.9], [1.1, 0.4], [0.5, 0.8]])
    whole = np.round(tenths * 10)
    one, other = c.wilcoxon(*tenths.T), c.wilcoxon(*whole.T)
    assert (one.statistic, one.p, one.note) == (other.statistic, pytest.approx(other.p), other.note)


def test_several_arms_are_scipys_friedman_and_mcnemar_is_cochran_of_two() -> None:
    rng = np.random.default_rng(3)
    values = rng.integers(1, 5, (20, 4)).astype(float)
    expected = stats.friedmanchisquare(*values.T)
    values_missing = np.vstack([values, [1.0, np.nan, 2, 3]])
    found = c.friedman(values_missing)
    assert (found.statistic, found.p, found.df1) == pytest.approx((expected.statistic, expected.pvalue, 3))
    assert found.n == 20
    assert found.estimate == pytest.approx(expected.statistic / (20 * 3))
    binary = (values[:, :2] > 2).astype(float)
    one_way, other = np.sum(binary[:, 0] > binary[:, 1]), np.sum(binary[:, 0] < binary[:, 1])
    assert c.cochran_q(binary).statistic == pytest.approx((one_way - other) ** 2 / (one_way + other))


def test_adjusted_p_of_a_known_family() -> None:
    p = [0.01, 0.04, 0.03, 0.005]
    assert c.holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert c.hochberg(p) == pytest.approx([0.03, 0.04, 0.04, 0.02])
    assert c.benjamini_hochberg(p) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert c.benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_adjusting_keeps_the_order_and_never_lowers_p(p: list[float]) -> None:
    for adjust in (c.holm, c.hochberg, c.benjamini_hochberg):
        adjusted = adjust(p)
        assert all(raw <= new <= 1 for raw, new in zip(p, adjusted, strict=True))
        order = np.argsort(p, kind="stable")
        assert np.all(np.diff(np.array(adjusted)[order]) >= -1e-15)
    assert all(one <= other + 1e-15 for one, other in zip(c.hochberg(p), c.holm(p), strict=True))


def test_effect_sizes() -> None:
    difference = A - B
    assert c.cohen_dz(A, B) == pytest.approx(difference.mean() / difference.std(ddof=1))
    pooled = math.sqrt((A.var(ddof=1) + B.var(ddof=1)) / 2)
    assert c.cohen_d(A, B) == pytest.approx((A.mean() - B.mean()) / pooled)
    larger, smaller = np.sum(A[:, None] > B), np.sum(A[:, None] < B)
    assert c.rank_biserial(A, B) == pytest.approx((larger - smaller) / (len(A) * len(B)))
    ranks = stats.rankdata(abs(difference))
    signed = (ranks[difference > 0].sum() - ranks[difference < 0].sum()) / ranks.sum()
    assert c.rank_biserial_paired(A, B) == pytest.approx(signed)


def test_values_that_do_not_differ_have_no_test_but_a_reason() -> None:
    same = np.full(5, 2.0)
    for found in (c.paired_t(same, same), c.wilcoxon(same, same), c.mann_whitney(same, same), c.welch_t(same, same)):
        assert found.p is None
        assert found.note
    assert c.cohen_dz(same, same) is None
    assert c.cohen_d(same, same) is None
    assert c.rank_biserial_paired(same, same) is None
    assert c.paired_t(np.array([]), np.array([])).note
    assert c.cochran_q(np.ones((4, 3))).note


def test_above_the_exact_limit_the_normal_distribution_is_used() -> None:
    rng = np.random.default_rng(9)
    many = rng.normal(0.05, 1, c.EXACT_CASES + 1)
    found = c.wilcoxon(many, np.zeros(len(many)))
    expected = stats.wilcoxon(many, correction=False, method="asymptotic")
    assert found.p == pytest.approx(expected.pvalue)
    assert "exact" not in found.note
