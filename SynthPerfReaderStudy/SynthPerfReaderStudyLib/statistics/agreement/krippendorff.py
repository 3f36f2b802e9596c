"""Krippendorff's alpha for any number of readers and missing ratings (Krippendorff 2004)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..estimate import Estimate
from ..intervals import with_t
from ..ranks import midranks


def krippendorff(ratings: np.ndarray, metric: str, *, level: float = 0.95) -> Estimate:
    """Alpha over all pairable values, that is over the cases with two ratings or more.

    Parameters
    ----------
    ratings
        (cases, readers), NaN where missing.
    metric
        ``nominal``, ``ordinal`` or ``interval``. Krippendorff's ordinal distance of two values is the distance of their
        midranks among all pairable values, so that ordinal alpha is the interval alpha of the midranks.
    level
        Coverage of the interval, (0, 1).

    Returns
    -------
    Estimate
        ``n`` cases with two ratings or more; t interval from Gwet's linearised variance (2014), which takes the
        midranks of the ordinal metric as given.

    Notes
    -----
    R irr 0.84.1 gives another value for complete data of more than two readers: it weights a case by 1 where
    Krippendorff weights it by its number of ratings less one.
    """
    present = ~np.isnan(ratings)
    used = present.sum(axis=1) >= 2
    values, present = ratings[used], present[used]
    n = len(values)
    if n == 0:
        return Estimate(None, n=0, note="no case has two ratings")
    pool = values[present]
    if np.all(pool == pool[0]):
        return Estimate(None, n=n, note="not determined: every rating is the same")
    sizes = present.sum(axis=1).astype(float)
    if metric == "ordinal":
        values = np.where(present, 0.0, np.nan)
        values[present] = midranks(pool)
    if metric == "nominal":
        within, to_pool, expected = _nominal(values, present, pool)
    else:
        within, to_pool, expected = _squared(values, present)
    # Disagreement of a case: its mean over ordered pairs of its ratings; expected: of all pairable ratings.
    total, mean_size = float(sizes.sum()), float(sizes.mean())
    weighted = within * sizes / mean_size
    observed = float(weighted.mean())
    value = 1 - (total - 1) / total * observed / expected
    if n < 2:
        return Estimate(value, n=n, note="no interval: one case only")
    large = 1 - observed / expected
    excess = (sizes - mean_size) / mean_size
    agreement = (1 - within) * sizes / mean_size - (1 - observed) * excess
    chance = (1 - to_pool) * sizes / mean_size - (1 - expected) * excess
    part = (agreement - (1 - expected)) / expected - 2 * (1 - large) * (chance - (1 - expected)) / expected
    variance = float(((part - large) ** 2).sum()) / (n * (n - 1))
    se = math.sqrt(variance) if variance > 1e-24 else 0.0
    result = with_t(value, se, n - 1, level, n=n)
    return replace(result, ci_high=min(1.0, result.ci_high or 1.0))


def _squared(values: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Squared distances within each case, of each case to the pool, and within the pool; scaled to a range of 1."""
    sizes = present.sum(axis=1)
    low, high = float(values[present].min()), float(values[present].max())
    filled = np.where(present, (values - low) / (high - low), 0.0)
    mean = filled.sum(axis=1) / sizes
    spread = (np.where(present, filled - mean[:, None], 0.0) ** 2).sum(axis=1)
    grand = float(filled.sum()) / sizes.sum()
    variance = float((np.where(present, filled - grand, 0.0) ** 2).sum()) / sizes.sum()
    to_pool = (np.where(present, filled - grand, 0.0) ** 2).sum(axis=1) / sizes + variance
    return 2 * spread / (sizes - 1), to_pool, 2 * variance


def _nominal(values: np.ndarray, present: np.ndarray, pool: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """The same with distance 1 between different categories."""
    sizes = present.sum(axis=1)
    categories, number = np.unique(pool, return_counts=True)
    table = (values[:, :, None] == categories).sum(axis=1)
    share = number / number.sum()
    within = 1 - (table * (table - 1)).sum(axis=1) / (sizes * (sizes - 1))
    return within, 1 - table @ share / sizes, 1 - float(share @ share)
