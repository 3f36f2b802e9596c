"""Kappa of two readers (Cohen 1960, 1968) and Light's mean of the pairs (1971)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..estimate import Estimate
from ..intervals import p_normal, quantile_z


def crosstable(ratings: np.ndarray, categories: np.ndarray) -> np.ndarray:
    """How often each pair of readers gave each pair of categories, over the cases that both rated.

    Parameters
    ----------
    ratings
        (cases, readers), NaN where missing.
    categories
        (q,), rising; every rating is one of them.

    Returns
    -------
    numpy.ndarray
        (readers, readers, q, q) counts; [a, b, i, j] is reader a saying category i and reader b category j.
    """
    readers, q = ratings.shape[1], len(categories)
    said = (ratings.T[:, :, None] == categories).astype(float)  # readers, cases, q; all 0 where missing
    flat = said.transpose(0, 2, 1).reshape(readers * q, -1)
    return (flat @ flat.T).reshape(readers, q, readers, q).transpose(0, 2, 1, 3)


def cohen(table: np.ndarray, weights: np.ndarray, *, level: float = 0.95) -> Estimate:
    """Kappa of one table of two readers, weighted by ``weights``.

    Parameters
    ----------
    table
        (q, q) counts.
    weights
        (q, q) agreement weights, 1 on the diagonal (:func:`weight_matrix`).
    level
        Coverage of the interval, (0, 1).

    Returns
    -------
    Estimate
        ``se`` and the normal interval (not clipped) from the asymptotic non-null variance; ``statistic`` (z) and ``p``
        from the variance under kappa = 0 (Fleiss, Cohen and Everitt 1969), as R irr and vcd give them.
    """
    n = int(table.sum())
    if n == 0:
        return Estimate(None, n=0, note="no case was rated by both readers")
    p = table / n
    row, column = p.sum(axis=1), p.sum(axis=0)
    observed, expected = float((weights * p).sum()), float(row @ weights @ column)
    if 1 - expected < 1e-12:
        return Estimate(None, n=n, note="not determined: both readers gave every case the same value")
    kappa = (observed - expected) / (1 - expected)
    marginal = (weights @ column)[:, None] + row @ weights
    scale = n * (1 - expected) ** 2
    shift = kappa - expected * (1 - kappa)
    variance = (float((p * (weights - marginal * (1 - kappa)) ** 2).sum()) - shift**2) / scale
    null = (float((np.outer(row, column) * (weights - marginal) ** 2).sum()) - expected**2) / scale
    se = math.sqrt(max(variance, 0.0))
    half = quantile_z(level) * se
    limits = {"ci_low": kappa - half, "ci_high": kappa + half, "ci_level": level}
    if null <= 1e-18:
        note = "no test: one reader gave every case the same value"
        return Estimate(kappa, se, n=n, note=note, **limits)  # type: ignore[arg-type]
    z = kappa / math.sqrt(null)
    return Estimate(kappa, se, statistic=z, p=p_normal(z), n=n, **limits)  # type: ignore[arg-type]


def light(pairs: Sequence[Estimate]) -> Estimate:
    """Light's kappa: the mean of the unweighted kappas of all pairs of readers. It has no agreed interval."""
    values = [pair.estimate for pair in pairs if pair.estimate is not None]
    cases = min((pair.n or 0 for pair in pairs), default=0)
    if not pairs or len(values) < len(pairs):
        return Estimate(None, n=cases, note=f"not determined: {len(pairs) - len(values)} pair(s) have no kappa")
    return Estimate(float(np.mean(values)), n=cases, note=f"mean of {len(pairs)} pair(s)")
