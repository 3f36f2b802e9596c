"""AUC of cases that come in clusters, such as several lesions of one patient (Obuchowski 1997)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from SynthPerfLib.errors import InputError

from .estimate import Estimate
from .intervals import p_normal, quantile_z
from .roc import placements


def auc_clustered(scores: np.ndarray, truth: np.ndarray, clusters: np.ndarray, *, level: float = 0.95) -> Estimate:
    """Area under the empirical ROC curve; the variance lets cases of one cluster be alike.

    Parameters
    ----------
    scores
        (n,) with NaN where missing; larger speaks for positive.
    truth
        (n,) True for positive cases.
    clusters
        (n,) cluster of each case, any integers.
    level
        Coverage of the normal interval, clipped to [0, 1].

    Raises
    ------
    InputError
        If positive or negative cases come from fewer than two clusters.
    """
    given = ~np.isnan(scores)
    area, variance = _areas(scores[given][None], truth[given], clusters[given])
    se = math.sqrt(max(float(variance[0, 0]), 0.0))
    half, value = quantile_z(level) * se, float(area[0])
    size = _sizes(truth[given], clusters[given])
    return Estimate(value, se, max(0.0, value - half), min(1.0, value + half), level, **size)


def auc_difference_clustered(
    first: np.ndarray, second: np.ndarray, truth: np.ndarray, clusters: np.ndarray, *, level: float = 0.95
) -> Estimate:
    """AUC of ``first`` less that of ``second`` over the cases that have both, with a normal test."""
    given = ~(np.isnan(first) | np.isnan(second))
    area, covariance = _areas(np.stack([first[given], second[given]]), truth[given], clusters[given])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    value, size = float(area[0] - area[1]), _sizes(truth[given], clusters[given])
    if variance <= 1e-15:
        size["note"] += "; no test: the variance of the difference is 0"
        return Estimate(value, **size)
    se = math.sqrt(variance)
    z, half = value / se, quantile_z(level) * se
    return Estimate(value, se, value - half, value + half, level, statistic=z, p=p_normal(z), **size)


def _areas(scores: np.ndarray, truth: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AUCs (sets,) and their covariance (sets, sets)."""
    positive, negative = int(truth.sum()), int((~truth).sum())
    number = [len(np.unique(clusters[side])) for side in (truth, ~truth)]
    if min(number) < 2:
        raise InputError("The AUC of clustered cases needs positive and negative cases from two clusters each.")
    codes = np.unique(clusters, return_inverse=True)[1]
    total = int(codes.max()) + 1
    areas, of_positive, of_negative = [], [], []
    for row in scores:
        below, above = placements(row[truth], row[~truth])
        area = float(below.mean())
        areas.append(area)
        of_positive.append(np.bincount(codes[truth], below - area, total))
        of_negative.append(np.bincount(codes[~truth], above - area, total))
    p, n = np.array(of_positive) / positive, np.array(of_negative) / negative
    across = p @ n.T * total / (total - 1)
    within = p @ p.T * number[0] / (number[0] - 1) + n @ n.T * number[1] / (number[1] - 1)
    return np.array(areas), within + across + across.T


def _sizes(truth: np.ndarray, clusters: np.ndarray) -> dict[str, Any]:
    n_pos = int(truth.sum())
    note = f"{len(np.unique(clusters))} clusters"
    return {"n": len(truth), "n_pos": n_pos, "n_neg": len(truth) - n_pos, "note": note}
