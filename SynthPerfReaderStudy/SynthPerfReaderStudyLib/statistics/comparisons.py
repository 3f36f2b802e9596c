"""Tests of arms against one another: paired, unpaired, several at once; adjustment of p; effect sizes.

Differences are always first - second. Every test is two-sided. Differences of decimal numbers are compared without
their rounding errors (12 digits): 0.3 - 0.2 and 0.2 - 0.1 are a tie, which R's ``wilcox.test`` sees only with
``digits.rank``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from .estimate import Estimate
from .intervals import p_chi_square, p_normal, with_t
from .ranks import midranks, tie_term

EXACT_CASES = 1000
"""Above this many cases the exact distributions of ranks give way to the normal one."""


def paired_t(first: np.ndarray, second: np.ndarray, *, level: float = 0.95) -> Estimate:
    """Mean of ``first - second`` with its t interval and test (n - 1)."""
    difference = first - second
    n = len(difference)
    if n < 2:
        return Estimate(float(difference.mean()) if n else None, n=n, note="needs two cases")
    return with_t(float(difference.mean()), _sd(difference) / math.sqrt(n), n - 1, level, n=n)


def welch_t(first: np.ndarray, second: np.ndarray, *, level: float = 0.95) -> Estimate:
    """Difference of means of two groups with unequal variances, Welch's t (Satterthwaite degrees of freedom)."""
    return _two_groups(first, second, level, pooled=False)


def student_t(first: np.ndarray, second: np.ndarray, *, level: float = 0.95) -> Estimate:
    """Difference of means of two groups with one variance, Student's t."""
    return _two_groups(first, second, level, pooled=True)


def wilcoxon(first: np.ndarray, second: np.ndarray) -> Estimate:
    """Wilcoxon's signed-rank test.

    Returns
    -------
    Estimate
        ``statistic`` is the sum of the positive ranks of ``first - second`` after zeros are dropped (Wilcoxon);
        ``estimate`` the Hodges-Lehmann median of the pairwise means of all differences. ``p`` is exact without ties
        or zeros up to :data:`EXACT_CASES` cases, otherwise normal with tie correction and no continuity correction.
    """
    difference = _rounded(first - second)
    kept = difference[difference != 0]
    n = len(kept)
    if len(difference) == 0:
        return Estimate(None, n=0, note="no case has both")
    location = _hodges_lehmann(difference)
    if n == 0:
        return Estimate(location, n=len(difference), note="no test: every difference is 0")
    ranks = midranks(np.abs(kept))
    positive = float(ranks[kept > 0].sum())
    ties = tie_term(ranks)
    tied, zeros = ties > 0, n < len(difference)
    if not tied and not zeros and n <= EXACT_CASES:
        p, how = _two_sided(_signed_rank_distribution(n), round(positive)), "exact"
    else:
        variance = n * (n + 1) * (2 * n + 1) / 24 - ties / 48
        p, how = p_normal((positive - n * (n + 1) / 4) / math.sqrt(variance)), _normal_note(tied)
    note = f"{how} p" + (f"; {len(difference) - n} zero difference(s) dropped" if zeros else "")
    return Estimate(location, statistic=positive, p=p, n=len(difference), note=note)


def mann_whitney(first: np.ndarray, second: np.ndarray) -> Estimate:
    """Mann-Whitney's test of two groups.

    Returns
    -------
    Estimate
        ``statistic`` is U of ``first``: the pairs in which ``first`` is larger, ties one half; ``estimate`` the median
        of all differences between the groups. ``p`` is exact without ties, otherwise (or above :data:`EXACT_CASES`
        cases) normal with tie correction and no continuity correction.
    """
    m, n = len(first), len(second)
    if m == 0 or n == 0:
        return Estimate(None, n=m + n, note="one group is empty")
    ranks = midranks(np.concatenate([first, second]))
    u = float(ranks[:m].sum()) - m * (m + 1) / 2
    location = float(np.median(first[:, None] - second)) if m + n <= EXACT_CASES else None
    ties = tie_term(ranks)
    tied = ties > 0
    if not tied and m + n <= EXACT_CASES:
        p, how = _two_sided(_rank_sum_distribution(min(m, n), max(m, n)), round(u)), "exact"
    else:
        total = m + n
        variance = m * n / 12 * (total + 1 - ties / (total * (total - 1)))
        if variance <= 0:
            return Estimate(location, statistic=u, n=total, note="no test: every value is the same")
        p, how = p_normal((u - m * n / 2) / math.sqrt(variance)), _normal_note(tied)
    return Estimate(location, statistic=u, p=p, n=m + n, note=f"{how} p")


def friedman(values: np.ndarray) -> Estimate:
    """Friedman's test of several arms with cases as blocks, corrected for ties.

    Parameters
    ----------
    values
        (cases, arms), NaN where missing; complete cases count.

    Returns
    -------
    Estimate
        Chi-square in ``statistic`` with arms - 1 degrees of freedom; ``estimate`` is Kendall's W, the effect size.
    """
    from .agreement.concordance import kendall_w

    # Cases rank the arms as readers rank cases.
    w = kendall_w(values[~np.isnan(values).any(axis=1)].T)
    n = int((~np.isnan(values).any(axis=1)).sum())
    if w.estimate is None:
        return Estimate(None, n=n, note="needs two cases read in every arm whose values differ")
    return replace(w, n=n)


def cochran_q(values: np.ndarray) -> Estimate:
    """Cochran's Q of several arms with two possible values, cases as blocks.

    Parameters
    ----------
    values
        (cases, arms) of 0 and 1, NaN where missing; complete cases count.

    Returns
    -------
    Estimate
        Q in ``statistic``, chi-square with arms - 1 degrees of freedom.
    """
    complete = values[~np.isnan(values).any(axis=1)]
    n, arms = complete.shape
    of_arm, of_case = complete.sum(axis=0), complete.sum(axis=1)
    below = arms * float(of_case.sum()) - float((of_case**2).sum())
    if n == 0 or below == 0:
        return Estimate(None, n=n, note="not determined: no case differs between the arms")
    q = (arms - 1) * (arms * float((of_arm**2).sum()) - float(of_arm.sum()) ** 2) / below
    return Estimate(None, statistic=q, df1=arms - 1, p=p_chi_square(q, arms - 1), n=n)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's (1979) step-down adjusted p of one family, in the given order."""
    factors = np.arange(len(p), 0, -1)
    return _adjusted(p, lambda ordered: np.maximum.accumulate(ordered * factors))


def hochberg(p: Sequence[float]) -> list[float]:
    """Hochberg's (1988) step-up adjusted p of one family, in the given order."""
    factors = np.arange(len(p), 0, -1)
    return _adjusted(p, lambda ordered: np.minimum.accumulate((ordered * factors)[::-1])[::-1])


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's (1995) adjusted p (false discovery rate) of one family, in the given order."""
    factors = len(p) / np.arange(1, len(p) + 1)
    return _adjusted(p, lambda ordered: np.minimum.accumulate((ordered * factors)[::-1])[::-1])


def cohen_dz(first: np.ndarray, second: np.ndarray) -> float | None:
    """Mean difference over the SD of the differences (Cohen 1988); None without spread."""
    difference = first - second
    sd = _sd(difference)
    return float(difference.mean()) / sd if sd > 0 else None


def cohen_d(first: np.ndarray, second: np.ndarray) -> float | None:
    """Difference of means over the pooled SD (Cohen 1988); None without spread."""
    m, n = len(first), len(second)
    if m < 2 or n < 2:
        return None
    pooled = math.sqrt(((m - 1) * _sd(first) ** 2 + (n - 1) * _sd(second) ** 2) / (m + n - 2))
    return float(first.mean() - second.mean()) / pooled if pooled > 0 else None


def rank_biserial_paired(first: np.ndarray, second: np.ndarray) -> float | None:
    """Positive less negative share of the signed ranks (Kerby 2014), zeros dropped; None if every difference is 0."""
    n = int((_rounded(first - second) != 0).sum())
    positive = wilcoxon(first, second).statistic
    return None if n == 0 or positive is None else 4 * positive / (n * (n + 1)) - 1


def rank_biserial(first: np.ndarray, second: np.ndarray) -> float | None:
    """Share of pairs in which ``first`` is larger less that in which ``second`` is (Cliff's delta)."""
    u = mann_whitney(first, second).statistic
    return None if u is None else 2 * u / (len(first) * len(second)) - 1


def _two_groups(first: np.ndarray, second: np.ndarray, level: float, *, pooled: bool) -> Estimate:
    m, n = len(first), len(second)
    if m < 2 or n < 2:
        return Estimate(None, n=m + n, note="needs two cases in each group")
    a, b = _sd(first) ** 2 / m, _sd(second) ** 2 / n
    difference = float(first.mean() - second.mean())
    if a + b == 0:
        return Estimate(difference, n=m + n, note="no test: neither group varies")
    if pooled:
        df = float(m + n - 2)
        variance = (a * m * (m - 1) + b * n * (n - 1)) / df * (1 / m + 1 / n)
    else:
        df, variance = (a + b) ** 2 / (a**2 / (m - 1) + b**2 / (n - 1)), a + b
    return with_t(difference, math.sqrt(variance), df, level, n=m + n)


def _sd(values: np.ndarray) -> float:
    """Sample SD; what rounding leaves of equal values counts as 0."""
    if len(values) < 2:
        return 0.0
    sd = float(values.std(ddof=1))
    return 0.0 if sd <= 1e-13 * float(np.abs(values).max()) else sd


def _rounded(difference: np.ndarray) -> np.ndarray:
    size = float(np.abs(difference).max(initial=0.0))
    if size == 0:
        return difference
    digits = 12 - math.ceil(math.log10(size))
    return np.round(difference, digits)


def _normal_note(tied: bool) -> str:
    return "normal, tie-corrected" if tied else "normal"


def _hodges_lehmann(difference: np.ndarray) -> float:
    n = len(difference)
    if n > 2 * EXACT_CASES:
        return float(np.median(difference))
    rows, columns = np.triu_indices(n)
    return float(np.median((difference[rows] + difference[columns]) / 2))


@lru_cache(maxsize=64)
def _signed_rank_distribution(n: int) -> np.ndarray:
    """Probability of each sum of positive ranks under the null, 0 .. n (n + 1) / 2."""
    found = np.zeros(n * (n + 1) // 2 + 1)
    found[0] = 1.0
    top = 0
    for rank in range(1, n + 1):
        top += rank
        shifted = found[: top + 1 - rank].copy()
        found[rank : top + 1] += shifted
        found[: top + 1] /= 2
    return found


@lru_cache(maxsize=64)
def _rank_sum_distribution(m: int, n: int) -> np.ndarray:
    """Probability of each U under the null, 0 .. m n: the coefficients of the Gaussian binomial (symmetric)."""
    half = m * n // 2
    ways = np.zeros(half + 1)
    ways[0] = 1.0
    for i in range(1, m + 1):  # times (1 - q^(n + i)) / (1 - q^i)
        if n + i <= half:
            ways[n + i :] -= ways[: half + 1 - n - i].copy()
        padded = np.append(ways, np.zeros(-len(ways) % i))
        ways = padded.reshape(-1, i).cumsum(axis=0).ravel()[: half + 1]
    upper = ways[: m * n - half][::-1]
    return np.append(ways, upper) / float(math.comb(m + n, m))


def _two_sided(distribution: np.ndarray, value: int) -> float:
    return min(1.0, 2 * float(min(distribution[: value + 1].sum(), distribution[value:].sum())))


def _adjusted(p: Sequence[float], steps: Callable[[np.ndarray], np.ndarray]) -> list[float]:
    values = np.asarray(p, dtype=float)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(1.0, steps(values[order]))
    return [float(value) for value in adjusted]
