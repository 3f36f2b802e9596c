"""The few statistics of an evaluation: AUC with DeLong's interval, regression of lesions, paired t, Holm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError


@dataclass(frozen=True)
class Auc:
    """Area under the ROC curve with its confidence interval; None where the data do not determine it."""

    value: float | None
    low: float | None
    high: float | None
    n_pos: int
    n_neg: int
    note: str = ""


@dataclass(frozen=True)
class Agreement:
    """Lesion means of a map against the real ones; None where the data do not determine it.

    Attributes
    ----------
    n
        Lesions.
    bias
        Mean of map - real, mL/100 g.
    r
        Pearson correlation.
    slope
        Ordinary least squares slope of map on real; below 1 where amplitudes shrink.
    sd_ratio
        SD of the map's lesion means over that of the real ones.
    note
        Why something is absent.
    """

    n: int
    bias: float | None
    r: float | None
    slope: float | None
    sd_ratio: float | None
    note: str = ""


@dataclass(frozen=True)
class PairedTest:
    """A paired t-test of ``first - second``: mean difference, confidence interval, t, p; None where undetermined."""

    n: int
    difference: float | None
    low: float | None
    high: float | None
    t: float | None
    p: float | None
    note: str = ""


def auc(scores: Sequence[float], positive: Sequence[bool], level: float = 0.95) -> Auc:
    """Area under the ROC curve, ties counted one half, with DeLong's interval clipped to [0, 1].

    Parameters
    ----------
    scores
        Finite; larger speaks for positive.
    positive
        The truth, one for each score.
    level
        Coverage of the interval, (0, 1).

    Notes
    -----
    DeLong et al. 1988 by the midranks of Sun and Xu 2014: with ranks R over all scores and R_p over the m positives,
    AUC = (sum R / m - (m + 1) / 2) / n; each case's placement value is (R - R_p) / n, and the variance is the sum of
    the placements' sample variances over their numbers.

    Raises
    ------
    InputError
        If the lengths differ or a score is not finite.
    """
    from scipy.stats import norm, rankdata

    values, truth = np.asarray(scores, dtype=float), np.asarray(positive, dtype=bool)
    if values.shape != truth.shape or not np.isfinite(values).all():
        raise InputError("An AUC needs one finite score for each truth.")
    high, low = values[truth], values[~truth]
    m, n = len(high), len(low)
    if m == 0 or n == 0:
        return Auc(None, None, None, m, n, "AUC needs lesions of both diagnoses")
    ranks = rankdata(np.concatenate([high, low]))
    of_positive = (ranks[:m] - rankdata(high)) / n
    of_negative = 1 - (ranks[m:] - rankdata(low)) / m
    area = float(of_positive.mean())
    if min(m, n) < 2:
        return Auc(area, None, None, m, n, "the interval of the AUC needs two lesions of each diagnosis")
    half = float(norm.ppf((1 + level) / 2) * np.sqrt(of_positive.var(ddof=1) / m + of_negative.var(ddof=1) / n))
    return Auc(area, max(0.0, area - half), min(1.0, area + half), m, n)


def agreement(real: Sequence[float], synthetic: Sequence[float]) -> Agreement:
    """Bias, correlation, slope and SD ratio of lesion means (mL/100 g), ``synthetic`` against ``real``."""
    x, y = np.asarray(real, dtype=float), np.asarray(synthetic, dtype=float)
    if len(x) == 0:
        return Agreement(0, None, None, None, None, "no lesion")
    bias = float(np.mean(y - x))
    if len(x) < 3 or np.ptp(x) == 0:
        return Agreement(len(x), bias, None, None, None, "correlation and slope need three lesions that differ")
    dx, dy = x - x.mean(), y - y.mean()
    xx, yy, xy = float(dx @ dx), float(dy @ dy), float(dx @ dy)
    if np.ptp(y) == 0:
        return Agreement(len(x), bias, None, 0.0, 0.0, "no correlation: the map gives every lesion the same value")
    return Agreement(len(x), bias, xy / float(np.sqrt(xx * yy)), xy / xx, float(np.sqrt(yy / xx)))


def paired_t(first: Sequence[float], second: Sequence[float], level: float = 0.95) -> PairedTest:
    """Two-sided paired t-test of ``first - second`` with the t interval of the mean difference."""
    from scipy.stats import t as student

    difference = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    n = len(difference)
    if n == 0:
        return PairedTest(0, None, None, None, None, None, "no case has both")
    mean = float(difference.mean())
    if n < 2:
        return PairedTest(n, mean, None, None, None, None, "a test needs two patients")
    error = float(difference.std(ddof=1) / np.sqrt(n))
    if error == 0:
        return PairedTest(n, mean, mean, mean, None, None, "no test: every difference is the same")
    half = float(student.ppf((1 + level) / 2, n - 1)) * error
    t = mean / error
    return PairedTest(n, mean, mean - half, mean + half, t, float(2 * student.sf(abs(t), n - 1)))


def holm(p: Sequence[float]) -> list[float]:
    """Holm's (1979) step-down adjusted p-values of one family, in the given order."""
    values = np.asarray(p, dtype=float)
    order = np.argsort(values, kind="stable")
    steps = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(1.0, steps)
    return [float(value) for value in adjusted]
