"""Arms against one another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from SynthPerfLib.errors import InputError

from ..ratings import Item, Ratings
from ..statistics import comparisons as tests
from ..statistics.estimate import Estimate
from ..statistics.intervals import p_normal, quantile_z
from ..statistics.ordinal import OrdinalFit, fit_ordinal
from .rows import Rows, noted
from .settings import Settings

MOST_LEVELS = 10
"""A score with more distinct values than this is not taken as a Likert score."""

_ADJUSTMENTS = (("holm", tests.holm), ("hochberg", tests.hochberg), ("bh", tests.benjamini_hochberg))


def comparison(ratings: Ratings, settings: Settings, rows: Rows) -> None:
    """Add ``comparison`` and ``effect_size`` of every item, for each reader and the reader average per case."""
    for name, item in ratings.items.items():
        if item.words:
            rows.skip("the answers are words without an order", "comparison", item=name)
            continue
        if len(ratings.arms) < 2:
            rows.skip("there is one arm only", "comparison", item=name)
            continue
        compare_arms(name, item.first, ratings.readers, ratings.arms, settings, rows)
        _mixed_model(name, item, ratings, settings, rows)


def compare_arms(
    name: str, values: np.ndarray, readers: Sequence[str], arms: Sequence[str], settings: Settings, rows: Rows
) -> None:
    """Add the tests of ``values`` (readers, cases, arms) for each reader and the reader average per case."""
    for index, reader in enumerate(readers):
        _several_arms(values[index : index + 1], arms, settings, rows, {"item": name, "reader": reader})
    _several_arms(values, arms, settings, rows, {"item": name, "reader": "average"})


def two_samples(
    first: np.ndarray, second: np.ndarray, level: float, rows: Rows, place: dict[str, Any]
) -> dict[str, float | None]:
    """Add the paired tests and effect sizes of ``first - second``; p by method."""
    found = {"paired_t": tests.paired_t(first, second, level=level), "wilcoxon": tests.wilcoxon(first, second)}
    sizes = {
        "cohen_dz": tests.cohen_dz(first, second),
        "rank_biserial": tests.rank_biserial_paired(first, second),
    }
    return _added(found, sizes, len(first), rows, place)


def _several_arms(
    values: np.ndarray, arms: Sequence[str], settings: Settings, rows: Rows, place: dict[str, Any]
) -> None:
    """``values`` is (readers, cases, arms); several readers are averaged per case."""
    families: dict[str, list[tuple[dict[str, Any], float]]] = {}
    used = [arm for arm in range(len(arms)) if not np.isnan(values[:, :, arm]).all()]
    if len(used) < 2:
        rows.skip("the values are of one arm only", "comparison", **place)
        return
    for a, b in combinations(used, 2):
        where = place | {"arm": arms[a], "arm_b": arms[b]}
        for method, p in _pair(values[:, :, a], values[:, :, b], settings, rows, where).items():
            if p is not None:
                families.setdefault(method, []).append((where, p))
    for method, family in families.items():
        if len(family) < 2:
            continue
        for name, adjust in _ADJUSTMENTS:
            for (where, _), p in zip(family, adjust([p for _, p in family]), strict=True):
                note = f"adjusted p of {method}; family: {len(family)} pairs of arms"
                rows.add("comparison", name, Estimate(None, p=p, note=note), **where)
    if len(used) > 2:
        _blocks(_balanced([values[:, :, arm] for arm in used]), rows, place)


def _pair(
    first: np.ndarray, second: np.ndarray, settings: Settings, rows: Rows, place: dict[str, Any]
) -> dict[str, float | None]:
    columns = _balanced([first, second])
    both = ~np.isnan(columns).any(axis=1)
    if not both.any():  # arms that were read by different readers
        columns = np.stack([_mean(first), _mean(second)], axis=1)
        both = ~np.isnan(columns).any(axis=1)
    if both.any():
        return two_samples(columns[both, 0], columns[both, 1], settings.level, rows, place)
    one, other = (column[~np.isnan(column)] for column in columns.T)
    found = {
        "welch_t": tests.welch_t(one, other, level=settings.level),
        "student_t": tests.student_t(one, other, level=settings.level),
        "mann_whitney": tests.mann_whitney(one, other),
    }
    sizes = {"cohen_d": tests.cohen_d(one, other), "rank_biserial": tests.rank_biserial(one, other)}
    return _added(found, sizes, len(one) + len(other), rows, place)


def _added(
    found: dict[str, Estimate], sizes: dict[str, float | None], n: int, rows: Rows, place: dict[str, Any]
) -> dict[str, float | None]:
    for method, estimate in found.items():
        rows.add("comparison", method, estimate, **place)
    for method, size in sizes.items():
        note = "" if size is not None else "not determined: the values do not differ"
        rows.add("effect_size", method, Estimate(size, n=n, note=note), **place)
    return {method: estimate.p for method, estimate in found.items()}


def _blocks(columns: np.ndarray, rows: Rows, place: dict[str, Any]) -> None:
    found = tests.friedman(columns)
    note = "estimate: Kendall's W" if found.estimate is not None else ""
    rows.add("comparison", "friedman", noted(found, note), **place)
    levels = np.unique(columns[~np.isnan(columns)])
    if len(levels) == 2:
        rows.add("comparison", "cochran_q", tests.cochran_q((columns - levels[0]) / np.ptp(levels)), **place)


def _balanced(arms: list[np.ndarray]) -> np.ndarray:
    """Averages per case over the readers who read the case in every arm, (cases, arms)."""
    everywhere = ~np.isnan(np.stack(arms)).any(axis=0)
    return np.stack([_mean(np.where(everywhere, values, np.nan)) for values in arms], axis=1)


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over readers (first axis) of what is there; equal sums give equal means."""
    number = (~np.isnan(values)).sum(axis=0)
    total = np.nansum(values, axis=0)
    return np.divide(total, number, out=np.full(len(total), np.nan), where=number > 0)


def _mixed_model(name: str, item: Item, ratings: Ratings, settings: Settings, rows: Rows) -> None:
    """Cumulative logit model: arms fixed, cases and readers random and crossed."""
    values = item.first
    reader, case, arm = np.nonzero(~np.isnan(values))
    scores = values[reader, case, arm]
    levels = len(np.unique(scores))
    arms = np.unique(arm)
    if len(arms) < 2:
        return
    place = {"item": name}
    if not 2 <= levels <= MOST_LEVELS:
        why = f"the ordinal mixed model takes 2 to {MOST_LEVELS} distinct scores; there are {levels}"
        rows.skip(why, "comparison.ordinal_mixed", **place)
        return
    design = (arm[:, None] == arms[:-1]).astype(float)
    factors = {"cases": np.unique(case, return_inverse=True)[1], "readers": np.unique(reader, return_inverse=True)[1]}
    factors = {kind: codes for kind, codes in factors.items() if codes.max() > 0}
    try:
        fit = fit_ordinal(scores, design, list(factors.values()), level=settings.level)
    except InputError as error:
        rows.skip(str(error), "comparison.ordinal_mixed", **place)
        return
    spread = ", ".join(f"SD of {kind} {sd:.4g}" for kind, sd in zip(factors, fit.deviations, strict=True))
    words = f"log odds ratio of a higher score; logit, Laplace; random intercepts: {spread or 'none'}"
    for a, b in combinations(range(len(arms)), 2):
        where = place | {"arm": ratings.arms[arms[a]], "arm_b": ratings.arms[arms[b]]}
        contrast = np.zeros(len(arms) - 1)
        contrast[a] = 1
        if b < len(arms) - 1:
            contrast[b] = -1
        rows.add("comparison", "ordinal_mixed", noted(_contrast(fit, contrast, settings.level), words), **where)


def _contrast(fit: OrdinalFit, contrast: np.ndarray, level: float) -> Estimate:
    value = float(contrast @ [coefficient.estimate for coefficient in fit.coefficients])
    se = float(np.sqrt(contrast @ fit.covariance @ contrast))
    half = quantile_z(level) * se
    return Estimate(value, se, value - half, value + half, level, statistic=value / se, p=p_normal(value / se), n=fit.n)
