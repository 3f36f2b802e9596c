"""Kendall's coefficient of concordance; within-group agreement r_wg, r_wg(j) and a_wg."""

from __future__ import annotations

import numpy as np

from ..estimate import Estimate
from ..intervals import p_chi_square
from ..ranks import midranks, tie_term


def kendall_w(ratings: np.ndarray, *, corrected: bool = True) -> Estimate:
    """Kendall's W of the readers' rankings of the complete cases.

    Parameters
    ----------
    ratings
        (cases, readers), NaN where missing.
    corrected
        For ties (Kendall and Gibbons 1990), else the formula without them.

    Returns
    -------
    Estimate
        Chi-square readers (n - 1) W in ``statistic`` with n - 1 degrees of freedom.
    """
    values = ratings[~np.isnan(ratings).any(axis=1)]
    n, readers = values.shape
    if n < 2 or readers < 2:
        return Estimate(None, n=n, note="needs two readers and two cases that every reader rated")
    ranks = np.stack([midranks(rated) for rated in values.T], axis=1)
    ties = sum(tie_term(ranking) for ranking in ranks.T) if corrected else 0.0
    below = readers**2 * (n**3 - n) - readers * ties
    if below <= 0:
        return Estimate(None, n=n, note="not determined: every reader gave all cases the same value")
    totals = ranks.sum(axis=1)
    w = 12 * float(((totals - totals.mean()) ** 2).sum()) / below
    chi_square = readers * (n - 1) * w
    return Estimate(w, statistic=chi_square, df1=n - 1, p=p_chi_square(chi_square, n - 1), n=n)


def r_wg(ratings: np.ndarray, variance: float) -> np.ndarray:
    """r_wg of every case with two ratings or more (James, Demaree and Wolf 1984), negatives set to 0.

    Parameters
    ----------
    ratings
        (cases, readers), NaN where missing.
    variance
        Of a rating by chance: (A^2 - 1)/12 for a uniform null on A scale points.

    Returns
    -------
    numpy.ndarray
        1 - s^2 / variance with s^2 over n - 1, one for each such case.
    """
    return np.maximum(1 - _case_variances(ratings) / variance, 0.0)


def r_wg_j(ratings: np.ndarray, variance: float) -> np.ndarray:
    """r_wg(j) of parallel items (James, Demaree and Wolf 1984), negatives set to 0.

    Parameters
    ----------
    ratings
        (items, cases, readers), NaN where missing. A case counts if each item has two ratings or more.
    variance
        As in :func:`r_wg`.
    """
    share, items = _mean_share(ratings, variance), len(ratings)
    agreed = items * np.maximum(1 - share, 0.0)  # before the division: beyond chance the formula turns positive again
    return agreed / (agreed + share)


def r_wg_j_lindell(ratings: np.ndarray, variance: float) -> np.ndarray:
    """r*_wg(j) of Lindell 1999: 1 - mean variance over that by chance; it does not grow with the number of items."""
    return 1 - _mean_share(ratings, variance)


def a_wg(ratings: np.ndarray, low: float, high: float) -> np.ndarray:
    """a_wg of Brown and Hauenstein 2005 of every case with two ratings or more: 1 less twice the share of the largest
    variance that the case's mean allows on a scale from ``low`` to ``high``; 1 where all ratings are an end of it."""
    several = (~np.isnan(ratings)).sum(axis=1) >= 2
    values = ratings[several]
    size = (~np.isnan(values)).sum(axis=1)
    mean = np.nanmean(values, axis=1) if len(values) else np.zeros(0)
    most = ((high + low) * mean - mean**2 - high * low) * size / (size - 1)
    variance = _case_variances(ratings)
    return 1 - 2 * np.divide(variance, most, out=np.zeros_like(most), where=most > 1e-12)


def _case_variances(ratings: np.ndarray) -> np.ndarray:
    values = ratings[(~np.isnan(ratings)).sum(axis=1) >= 2]
    return np.nanvar(values, axis=1, ddof=1) if len(values) else np.zeros(0)


def _mean_share(ratings: np.ndarray, variance: float) -> np.ndarray:
    used = ((~np.isnan(ratings)).sum(axis=2) >= 2).all(axis=0)
    values = ratings[:, used]
    return np.nanvar(values, axis=2, ddof=1).mean(axis=0) / variance if used.any() else np.zeros(0)
