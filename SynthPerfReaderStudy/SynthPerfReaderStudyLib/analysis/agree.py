"""Agreement of readers with one another, and of each reader with themselves."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from ..ratings import Item, Ratings
from ..statistics import agreement as stats
from ..statistics.estimate import Estimate
from .rows import Rows, noted
from .settings import Settings

MOST_CATEGORIES = 20
"""Categorical coefficients need no more distinct values than this."""

_NAMES = ("icc", "rwg", "kappa", "gwet", "krippendorff", "kendall_w")
_ALL = tuple(f"agreement.{name}" for name in _NAMES)
_CATEGORICAL = ("agreement.kappa", "agreement.gwet")


def agreement(ratings: Ratings, settings: Settings, rows: Rows) -> None:
    """Add ``agreement.*`` of every item, arm by arm, then of repeated readings."""
    for name, item in ratings.items.items():
        for place, arm in enumerate(ratings.arms):
            values = item.first[:, :, place].T
            here = ~np.isnan(values).all(axis=0)
            readers = [reader for reader, keep in zip(ratings.readers, here, strict=True) if keep]
            if len(readers) < 2:
                who = f"only reader {readers[0]}" if readers else "no reader"
                rows.skip(f"agreement needs two readers; {who} gave a value", *_ALL, item=name, arm=arm)
                continue
            _between(name, arm, item, values[:, here], readers, settings, rows)
        _within(ratings, name, item, settings, rows)
    _several_items(ratings, settings, rows)


def _between(
    name: str, arm: str, item: Item, values: np.ndarray, readers: list[str], settings: Settings, rows: Rows
) -> None:
    place: dict[str, Any] = {"item": name, "arm": arm}
    who = f"{len(readers)} readers"
    categories = _categories(item)
    if item.words:
        why = "the answers are words without an order"
        rows.skip(why, "agreement.icc", "agreement.rwg", "agreement.kendall_w", **place)
    else:
        _numeric(values, who, settings, rows, place)
        _r_wg(name, item, values, who, settings, rows, place)
    metrics = [] if item.words else ["ordinal", "interval"]
    if len(categories) > MOST_CATEGORIES:
        why = f"{len(categories)} distinct values; categorical coefficients take up to {MOST_CATEGORIES}"
        rows.skip(why, *_CATEGORICAL, *[] if metrics else ["agreement.krippendorff"], **place)
    else:
        _categorical(item, values, readers, categories, settings, rows, place)
        metrics = ["nominal", *metrics]
    for metric in metrics:
        alpha = stats.krippendorff(values, metric, level=settings.level)
        rows.add("agreement.krippendorff", metric, noted(alpha, who), **place)


def _numeric(values: np.ndarray, who: str, settings: Settings, rows: Rows, place: dict[str, Any]) -> None:
    forms = stats.icc(values, level=settings.level)
    if int((~np.isnan(values).any(axis=1)).sum()) < 2:
        # Cases that were shared out among readers: one-way forms of all cases with two ratings.
        for form, estimate in stats.icc_one_way(values, level=settings.level).items():
            if estimate.estimate is not None:
                forms[form] = noted(estimate, "one-way over different readers a case")
    for form, estimate in forms.items():
        rows.add("agreement.icc", form, noted(estimate, who, _band(estimate)), **place)
    anova, error = stats.two_way(values), stats.measurement_error(values)
    if anova is not None and error is not None:
        for kind, (sem, sdc) in error.items():
            rows.add("agreement.sem", kind, Estimate(sem, n=anova.n, note=who), **place)
            rows.add("agreement.sdc", kind, Estimate(sdc, n=anova.n, note=who), **place)
        degrees = {
            "subjects": (anova.subjects, anova.n - 1),
            "readers": (anova.readers, anova.k - 1),
            "error": (anova.error, (anova.n - 1) * (anova.k - 1)),
            "within": (anova.within, anova.n * (anova.k - 1)),
        }
        for kind, (square, df) in degrees.items():
            rows.add("agreement.mean_square", kind, Estimate(square, df1=df, n=anova.n), **place)
    for method, corrected in (("ties_corrected", True), ("uncorrected", False)):
        rows.add("agreement.kendall_w", method, noted(stats.kendall_w(values, corrected=corrected), who), **place)


def _r_wg(
    name: str, item: Item, values: np.ndarray, who: str, settings: Settings, rows: Rows, place: dict[str, Any]
) -> None:
    scale = _scale(name, item, settings)
    if isinstance(scale, str):
        rows.skip(scale, "agreement.rwg", **place)
        return
    low, high = scale
    points = high - low + 1
    found = stats.r_wg(values, (points**2 - 1) / 12)
    if len(found) == 0:
        rows.add("agreement.rwg", "uniform", Estimate(None, n=0, note="no case has two ratings"), **place)
        return
    mean = Estimate(float(found.mean()), n=len(found))
    spread = f"median {np.median(found):.6g}, {np.mean(found >= 0.7):.6g} of cases >= 0.7"
    scale_words = f"scale of {points:g} points"
    rows.add("agreement.rwg", "uniform", noted(mean, spread, scale_words, who, _band(mean)), **place)
    observed = stats.a_wg(values, low, high)
    rows.add("agreement.awg", "mean", Estimate(float(observed.mean()), n=len(observed), note=scale_words), **place)


def _categorical(
    item: Item,
    values: np.ndarray,
    readers: list[str],
    categories: np.ndarray,
    settings: Settings,
    rows: Rows,
    place: dict[str, Any],
) -> None:
    names = ("unweighted",) if item.words else stats.WEIGHTS
    weights = {name: stats.weight_matrix(name, categories) for name in names}
    who = f"{len(readers)} readers"
    tables = stats.crosstable(values, categories)
    unweighted = []
    for a, b in combinations(range(len(readers)), 2):
        pair = {"reader": readers[a], "reader_b": readers[b]}
        for name in names[:3]:
            kappa = stats.cohen(tables[a, b], weights[name], level=settings.level)
            rows.add("agreement.kappa", name, kappa, **place, **pair)
            if name == "unweighted":
                unweighted.append(kappa)
    complete = values[~np.isnan(values).any(axis=1)]
    every, full = stats.counts(values, categories), stats.counts(complete, categories)
    for name, weight in weights.items():
        tail = "" if name == "unweighted" else f"_{name}"
        kappa = stats.fleiss(full, weight, level=settings.level)
        rows.add("agreement.kappa", f"fleiss{tail}", noted(kappa, who), **place)
        kappa = stats.conger(values, categories, weight, level=settings.level)
        rows.add("agreement.kappa", f"conger{tail}", noted(kappa, who), **place)
        gwet = stats.gwet(every, weight, level=settings.level)
        rows.add("agreement.gwet", "AC1" if not tail else f"AC2{tail}", noted(gwet, who), **place)
    rows.add("agreement.kappa", "light", stats.light(unweighted), **place)
    labels = item.words or tuple(f"{value:g}" for value in categories)
    for label, kappa in zip(labels, stats.fleiss_by_category(full), strict=True):
        rows.add("agreement.kappa", "fleiss_category", noted(kappa, f"category {label}"), **place)
    plain = weights["unweighted"]
    expected_equal = stats.brennan_prediger(every, plain, level=settings.level)
    rows.add("agreement.brennan_prediger", "unweighted", noted(expected_equal, who), **place)
    pairs = stats.percent_agreement(every, plain, level=settings.level)
    rows.add("agreement.percent", "pairwise", noted(pairs, "share from 0 to 1", who), **place)
    rows.add("agreement.percent", "unanimous", noted(stats.share_unanimous(values), "share from 0 to 1", who), **place)


def _within(ratings: Ratings, name: str, item: Item, settings: Settings, rows: Rows) -> None:
    """Agreement of each reader with themselves where an arm was read more than once."""
    if len(ratings.repeats) < 2:
        return
    categories = _categories(item)
    for place, arm in enumerate(ratings.arms):
        for index, reader in enumerate(ratings.readers):
            values = item.values[index, :, place]
            there = ~np.isnan(values).all(axis=0)
            values = values[:, there]
            if int((~np.isnan(values)).sum(axis=1).max(initial=0)) < 2:
                continue
            labels = [label for label, keep in zip(ratings.repeats, there, strict=True) if keep]
            words = f"same reader, repeats {', '.join(labels)}"
            where: dict[str, Any] = {"item": name, "arm": arm, "reader": reader}
            if not item.words:
                for form, estimate in stats.icc(values, level=settings.level).items():
                    rows.add("agreement.icc", form, noted(estimate, words, _band(estimate)), **where)
                for kind, (sem, sdc) in (stats.measurement_error(values) or {}).items():
                    rows.add("agreement.sem", kind, Estimate(sem, note=words), **where)
                    rows.add("agreement.sdc", kind, Estimate(sdc, note=words), **where)
            if len(categories) <= MOST_CATEGORIES:
                table = stats.crosstable(values[:, :2], categories)[0, 1]
                for method in ("unweighted",) if item.words else stats.WEIGHTS[:3]:
                    kappa = stats.cohen(table, stats.weight_matrix(method, categories), level=settings.level)
                    rows.add("agreement.kappa", method, noted(kappa, words), **where)


def _several_items(ratings: Ratings, settings: Settings, rows: Rows) -> None:
    """r_wg(j) of the items that share one scale."""
    by_scale: dict[tuple[float, float], list[str]] = {}
    for name, item in ratings.items.items():
        scale = None if item.words else _scale(name, item, settings)
        if isinstance(scale, tuple) and scale[1] - scale[0] < MOST_CATEGORIES:
            by_scale.setdefault(scale, []).append(name)
    for (low, high), names in by_scale.items():
        if len(names) < 2:
            continue
        variance = ((high - low + 1) ** 2 - 1) / 12
        for place, arm in enumerate(ratings.arms):
            values = np.stack([ratings.items[name].first[:, :, place].T for name in names])
            for method, of_cases in (
                ("uniform_j", stats.r_wg_j(values, variance)),
                ("lindell_j", stats.r_wg_j_lindell(values, variance)),
            ):
                if len(of_cases):
                    words = f"{len(names)} items: {', '.join(names)}; median {np.median(of_cases):.6g}"
                    mean = Estimate(float(of_cases.mean()), n=len(of_cases))
                    rows.add("agreement.rwg", method, noted(mean, words), item=" + ".join(names), arm=arm)


def _categories(item: Item) -> np.ndarray:
    """The item's values in the whole file, or all its words' numbers."""
    if item.words:
        return np.arange(len(item.words), dtype=float)
    return np.unique(item.values[~np.isnan(item.values)])


def _scale(name: str, item: Item, settings: Settings) -> tuple[float, float] | str:
    """The lowest and highest point of the item's scale, or why it has none."""
    if name in settings.scales:
        return settings.scales[name]
    values = _categories(item)
    if len(values) < 2:
        return "every rating is the same: the scale is not known; name it in the protocol"
    if np.any(values != np.round(values)):
        return "r_wg compares with a scale of whole points; the values are not whole numbers"
    return float(values[0]), float(values[-1])


def _band(estimate: Estimate) -> str:
    return "" if estimate.estimate is None else f"band: {stats.band(estimate.estimate)}"
