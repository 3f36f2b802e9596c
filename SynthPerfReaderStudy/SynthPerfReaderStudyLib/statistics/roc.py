"""One reader, one arm or two: area under the empirical ROC curve, operating points, and their comparison.

Conventions: a higher score is more positive, ties count one half, a score of NaN was not given and is left out.
Intervals of an AUC are DeLong's, normal, clipped to [0, 1]; those of a difference are not clipped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr
from SynthPerfLib.errors import InputError

from .estimate import Estimate
from .intervals import p_normal, quantile_z
from .proportions import clopper_pearson, mcnemar, tango, wilson

_DEGENERATE = "DeLong's variance is 0 (the classes do not overlap, or all scores are the same): no true interval"

_BLOCK = 1_000_000  # scores drawn at once by the bootstrap


@dataclass(frozen=True)
class Curve:
    """Empirical ROC curve from (0, 0) to (1, 1); a case is called positive at or above the threshold."""

    fpr: NDArray
    tpr: NDArray
    thresholds: NDArray


@dataclass(frozen=True)
class Performance:
    """What one threshold does: the four counts and the shares that follow from them."""

    tp: int
    fp: int
    tn: int
    fn: int
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate
    accuracy: Estimate


def placements(positive: NDArray, negative: NDArray) -> tuple[NDArray, NDArray]:
    """Share of the other class that each case is placed rightly against, ties one half.

    Sorting replaces the comparison of all pairs: O(n log n), as in Sun and Xu 2014 (IEEE Signal Processing Letters
    21:1389). The mean of either answer is the AUC.

    Returns
    -------
    tuple of ndarray
        For each positive case the share of negative cases below it; for each negative case the share of positive
        cases above it.
    """
    p, q = np.sort(positive), np.sort(negative)
    below = (q.searchsorted(positive, "left") + q.searchsorted(positive, "right")) / (2 * q.size)
    above = 1 - (p.searchsorted(negative, "left") + p.searchsorted(negative, "right")) / (2 * p.size)
    return below, above


def delong_covariance(scores: ArrayLike, truth: ArrayLike) -> tuple[NDArray, NDArray]:
    """AUCs of several score sets of the same cases, and their covariance matrix (DeLong et al. 1988).

    Parameters
    ----------
    scores
        Shape (sets, cases), no NaN.
    truth
        True for positive cases; at least two cases of each class.
    """
    values, positive = np.atleast_2d(np.asarray(scores, float)), np.asarray(truth, bool)
    pairs = [placements(row[positive], row[~positive]) for row in values]
    below, above = (np.array([pair[side] for pair in pairs]) for side in (0, 1))
    covariance = np.atleast_2d(np.cov(below)) / below.shape[1] + np.atleast_2d(np.cov(above)) / above.shape[1]
    return below.mean(axis=1), covariance


def auc(scores: ArrayLike, truth: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Area under the empirical ROC curve with DeLong's interval.

    An AUC of exactly 0 or 1, or constant scores, have a DeLong variance of 0: the interval has no width and the note
    says so. With one case in a class there is no variance, hence no interval.

    Raises
    ------
    InputError
        A class has no case.
    """
    values, positive = _given(scores, truth)
    size = _sizes(positive)
    if min(size["n_pos"], size["n_neg"]) < 2:
        area = float(placements(values[positive], values[~positive])[0].mean())
        return Estimate(area, **size, note="no interval: a class has one case only")
    areas, covariance = delong_covariance(values, positive)
    area, se = float(areas[0]), math.sqrt(covariance[0, 0])
    low, high = _normal_interval(area, se, level)
    note = _DEGENERATE if se < 1e-9 else ""
    return Estimate(area, se, max(low, 0.0), min(high, 1.0), level, **size, note=note)


def auc_bootstrap(
    scores: ArrayLike, truth: ArrayLike, *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Estimate:
    """AUC with the percentile interval of a bootstrap within each class (stratified); ``se`` is the resamples' SD."""
    values, positive = _given(scores, truth)
    size = _sizes(positive)
    levels, place = np.unique(values, return_inverse=True)
    pos, neg = place[positive], place[~positive]
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // values.size)
    areas = []
    for start in range(0, resamples, block):
        rows = np.arange(min(block, resamples - start))[:, None]
        drawn_pos, drawn_neg = (rng.choice(side, (rows.size, side.size)) + rows * levels.size for side in (pos, neg))
        counts = np.bincount(drawn_neg.ravel(), minlength=rows.size * levels.size).reshape(rows.size, -1)
        doubled_below = 2 * np.cumsum(counts, axis=1) - counts  # negatives below each score, ties one half
        areas.append(doubled_below.ravel()[drawn_pos].sum(axis=1) / (2 * pos.size * neg.size))
    drawn = np.concatenate(areas)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    note = f"stratified percentile bootstrap, {resamples} resamples, seed {seed}"
    area = float(placements(values[positive], values[~positive])[0].mean())
    return Estimate(area, float(drawn.std(ddof=1)), float(low), float(high), level, **size, note=note)


def auc_difference(
    scores_a: ArrayLike, scores_b: ArrayLike, truth: ArrayLike, *, level: float = 0.95, alternative: str = "two-sided"
) -> Estimate:
    """AUC of a minus AUC of b in the cases that have both scores (paired DeLong test, normal).

    Parameters
    ----------
    alternative
        ``two-sided``, ``greater`` (a above b) or ``less``; the interval is two-sided in any case.
    """
    a, b = np.asarray(scores_a, float), np.asarray(scores_b, float)
    both = ~(np.isnan(a) | np.isnan(b))
    positive = np.asarray(truth, bool)[both]
    size = _sizes(positive)
    if min(size["n_pos"], size["n_neg"]) < 2:
        raise InputError("The paired AUC difference needs two positive and two negative cases with both scores.")
    areas, covariance = delong_covariance(np.stack([a[both], b[both]]), positive)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    return _difference(float(areas[0] - areas[1]), float(variance), level, alternative, size)


def auc_difference_unpaired(
    scores_a: ArrayLike, truth_a: ArrayLike, scores_b: ArrayLike, truth_b: ArrayLike, *, level: float = 0.95
) -> Estimate:
    """AUC of a minus AUC of b in different cases (DeLong variances, normal p; pROC uses a t distribution here)."""
    first, second = auc(scores_a, truth_a), auc(scores_b, truth_b)
    if first.estimate is None or second.estimate is None or first.se is None or second.se is None:
        raise InputError("The unpaired AUC difference needs two positive and two negative cases in each arm.")
    size = {name: (getattr(first, name) or 0) + (getattr(second, name) or 0) for name in ("n", "n_pos", "n_neg")}
    variance = first.se**2 + second.se**2
    return _difference(first.estimate - second.estimate, variance, level, "two-sided", size)


def roc_curve(scores: ArrayLike, truth: ArrayLike) -> Curve:
    """Every operating point of the empirical curve; the first threshold is infinite."""
    values, positive = _given(scores, truth)
    thresholds = np.unique(values)[::-1]
    rates = [
        np.concatenate([[0.0], 1 - np.sort(side).searchsorted(thresholds, "left") / side.size])
        for side in (values[~positive], values[positive])
    ]
    return Curve(rates[0], rates[1], np.concatenate([[np.inf], thresholds]))


def partial_auc(
    scores: ArrayLike,
    truth: ArrayLike,
    *,
    fpr: tuple[float, float] | None = None,
    tpr: tuple[float, float] | None = None,
    corrected: bool = False,
) -> float:
    """Area over a range of false-positive rates, or beside a range of true-positive rates.

    Parameters
    ----------
    fpr, tpr
        One of them, (low, high) within 0 to 1. A specificity of 0.9 to 1 is ``fpr=(0, 0.1)``.
    corrected
        McClish's standardisation (Medical Decision Making 1989; 9:190): 0.5 by chance, 1 at best.
    """
    chosen = fpr if fpr is not None else tpr
    if chosen is None or (fpr is not None and tpr is not None) or not 0 <= chosen[0] < chosen[1] <= 1:
        raise InputError("Give one range for the partial AUC, fpr or tpr, as (low, high) with 0 <= low < high <= 1.")
    curve = roc_curve(scores, truth)
    low, high = chosen
    x, y = curve.fpr, curve.tpr
    if tpr is not None:  # the same picture seen from the other corner
        x, y, low, high = 1 - curve.tpr[::-1], 1 - curve.fpr[::-1], 1 - chosen[1], 1 - chosen[0]
    rising = np.diff(x) > 0
    x0, y0, width, rise = x[:-1][rising], y[:-1][rising], np.diff(x)[rising], np.diff(y)[rising]
    start, stop = np.clip(x0, low, high), np.clip(x0 + width, low, high)
    area = float(np.sum((stop - start) * (y0 + rise / width * ((start + stop) / 2 - x0))))
    if not corrected:
        return area
    chance = (high**2 - low**2) / 2
    return 0.5 * (1 + (area - chance) / (high - low - chance))


def youden(scores: ArrayLike, truth: ArrayLike) -> Estimate:
    """Threshold with the largest sensitivity + specificity - 1 (Youden 1950), midway between two observed scores.

    ``estimate`` is the index. Of several best thresholds the lowest, which has the highest sensitivity, is taken and
    the note counts them. Constant scores have no threshold.
    """
    values, positive = _given(scores, truth)
    levels = np.unique(values)
    size = _sizes(positive)
    if levels.size < 2:
        return Estimate(None, **size, note="no threshold: all scores are the same")
    between = (levels[:-1] + levels[1:]) / 2
    below = [np.sort(side).searchsorted(between) / side.size for side in (values[~positive], values[positive])]
    index = below[0] - below[1]
    best = np.flatnonzero(np.isclose(index, index.max(), rtol=0, atol=1e-12))
    note = "Youden threshold" + (f", the lowest of {best.size} equally good ones" if best.size > 1 else "")
    return Estimate(float(index[best[0]]), **size, threshold=float(between[best[0]]), note=note)


def performance(
    scores: ArrayLike,
    truth: ArrayLike,
    threshold: float,
    *,
    interval: Literal["wilson", "clopper_pearson"] = "wilson",
    level: float = 0.95,
) -> Performance:
    """Counts and shares when a score at or above the threshold is called positive.

    Predictive values and accuracy hold for the share of positive cases in this sample.
    """
    values, positive = _given(scores, truth)
    called = values >= threshold
    tp, fn = int(np.sum(called & positive)), int(np.sum(~called & positive))
    fp, tn = int(np.sum(called & ~positive)), int(np.sum(~called & ~positive))
    limits = {"wilson": wilson, "clopper_pearson": clopper_pearson}[interval]
    size = _sizes(positive)

    def share(x: int, n: int, none: str = "") -> Estimate:
        if n == 0:
            return Estimate(None, **size, threshold=threshold, note=none)
        low, high = limits(x, n, level)
        return Estimate(x / n, None, low, high, level, **size, threshold=threshold, note="")

    return Performance(
        tp,
        fp,
        tn,
        fn,
        sensitivity=share(tp, tp + fn),
        specificity=share(tn, tn + fp),
        ppv=share(tp, tp + fp, "no case was called positive"),
        npv=share(tn, tn + fn, "no case was called negative"),
        accuracy=share(tp + tn, tp + tn + fp + fn),
    )


def sensitivity_difference(
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    truth: ArrayLike,
    threshold_a: float,
    threshold_b: float,
    *,
    level: float = 0.95,
) -> Estimate:
    """Sensitivity of a minus b in the positive cases that have both scores: exact McNemar p, Tango's score interval."""
    a, b = np.asarray(scores_a, float), np.asarray(scores_b, float)
    return _paired_share(a, b, np.asarray(truth, bool), threshold_a, threshold_b, True, level)


def specificity_difference(
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    truth: ArrayLike,
    threshold_a: float,
    threshold_b: float,
    *,
    level: float = 0.95,
) -> Estimate:
    """Specificity of a minus b in the negative cases that have both scores: exact McNemar p, Tango's score interval."""
    a, b = np.asarray(scores_a, float), np.asarray(scores_b, float)
    return _paired_share(a, b, np.asarray(truth, bool), threshold_a, threshold_b, False, level)


def _paired_share(
    a: NDArray, b: NDArray, truth: NDArray, threshold_a: float, threshold_b: float, positive: bool, level: float
) -> Estimate:
    used = ~(np.isnan(a) | np.isnan(b)) & (truth == positive)
    n = int(used.sum())
    if n == 0:
        kind = "positive" if positive else "negative"
        raise InputError(f"No {kind} case has a score in both arms; their shares cannot be compared in pairs.")
    right_a, right_b = (a[used] >= threshold_a) == positive, (b[used] >= threshold_b) == positive
    first, second = int(np.sum(right_a & ~right_b)), int(np.sum(right_b & ~right_a))
    low, high = tango(first, second, n, level)
    return Estimate(
        (first - second) / n,
        ci_low=low,
        ci_high=high,
        ci_level=level,
        p=mcnemar(first, second).exact,
        n=n,
        n_pos=n if positive else None,
        n_neg=None if positive else n,
        note=f"Tango score interval; {first} cases right in the first arm only, {second} in the second only",
    )


def _given(scores: ArrayLike, truth: ArrayLike) -> tuple[NDArray, NDArray]:
    """The scores that were given, and the truth of their cases; both classes are there."""
    values, positive = np.asarray(scores, float), np.asarray(truth, bool)
    if values.shape != positive.shape or values.ndim != 1:
        raise InputError(f"One score per case is needed: {values.size} scores, {positive.size} truth values.")
    given = ~np.isnan(values)
    _sizes(positive[given])
    return values[given], positive[given]


def _sizes(positive: NDArray) -> dict[str, int]:
    n, n_pos = positive.size, int(positive.sum())
    if n_pos in (0, n):
        raise InputError(
            f"A ROC analysis needs positive and negative cases; there are {n_pos} positive and {n - n_pos} negative "
            "ones with a score."
        )
    return {"n": n, "n_pos": n_pos, "n_neg": n - n_pos}


def _normal_interval(value: float, se: float, level: float) -> tuple[float, float]:
    half = quantile_z(level) * se
    return value - half, value + half


def _difference(value: float, variance: float, level: float, alternative: str, size: dict[str, int]) -> Estimate:
    if variance <= 1e-15:  # identical or fully separated scores leave rounding only
        return Estimate(
            value, 0.0, value, value, level, **size, note="no test: DeLong's variance of the difference is 0"
        )
    se = math.sqrt(variance)
    z = value / se
    p = {"two-sided": p_normal(z), "greater": float(ndtr(-z)), "less": float(ndtr(z))}[alternative]
    low, high = _normal_interval(value, se, level)
    note = "" if alternative == "two-sided" else f"one-sided p: {alternative}"
    return Estimate(value, se, low, high, level, z, p=p, **size, note=note)
