"""Each reader in each arm against the truth: ROC curve, thresholds, and arms against one another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
from SynthPerfLib.errors import InputError

from ..ratings import Ratings
from ..statistics import roc
from ..statistics.clustered import auc_clustered, auc_difference_clustered
from ..statistics.estimate import Estimate
from .rows import Rows, noted
from .settings import Settings

_ALL = ("roc.auc", "roc.sensitivity", "roc.specificity")
_DIFFERENCES = ("roc.auc_difference", "roc.sensitivity_difference", "roc.specificity_difference")


WORDS = "the answers are words; a ROC analysis needs numbers, or two words of which one is the truth's '{}'"


def diagnostic(ratings: Ratings, positive: np.ndarray, word: str, settings: Settings, rows: Rows) -> None:
    """Add ``roc.*`` of every item.

    Parameters
    ----------
    positive
        (cases,) 1, 0, or NaN where the truth is missing; such cases are left out.
    word
        What the truth says for positive.
    """
    known = ~np.isnan(positive)
    truth = positive[known] == 1
    clusters = _clusters(ratings, known)
    for name, item in ratings.items.items():
        scores = item.scores(word)
        if scores is None:
            rows.skip(WORDS.format(word), *_ALL, *_DIFFERENCES, item=name)
            continue
        if len(ratings.arms) < 2:
            rows.skip("there is one arm only", *_DIFFERENCES, item=name)
        values = scores[:, known]
        for index, reader in enumerate(ratings.readers):
            place = {"item": name, "reader": reader}
            _reader(values[index], truth, ratings.arms, settings, rows, place)
            if clusters is not None:
                _clustered(values[index], truth, clusters, ratings.arms, settings, rows, place)
        if settings.pooled:
            for arm, label in enumerate(ratings.arms):
                place = {"item": name, "reader": "pooled", "arm": label}
                pooled = values[:, :, arm].ravel()
                words = "all reads taken as independent cases: the interval is too narrow"
                _curve(pooled, np.tile(truth, len(values)), settings, rows, place, words)


def _reader(
    values: np.ndarray, truth: np.ndarray, arms: tuple[str, ...], settings: Settings, rows: Rows, place: dict[str, Any]
) -> None:
    thresholds: dict[int, tuple[float, str]] = {}
    used = []
    for arm, label in enumerate(arms):
        if np.isnan(values[:, arm]).all():
            continue
        used.append(arm)
        threshold = _curve(values[:, arm], truth, settings, rows, place | {"arm": label})
        if threshold is not None:
            thresholds[arm] = threshold
    for a, b in combinations(used, 2):
        where = place | {"arm": arms[a], "arm_b": arms[b]}
        _difference(values[:, a], values[:, b], truth, thresholds.get(a), thresholds.get(b), settings, rows, where)


def _curve(
    scores: np.ndarray, truth: np.ndarray, settings: Settings, rows: Rows, place: dict[str, Any], words: str = ""
) -> tuple[float, str] | None:
    """Add the AUC and what the threshold does; the threshold and where it is from."""
    try:
        area = roc.auc(scores, truth, level=settings.level)
    except InputError as error:
        rows.skip(str(error), *_ALL, **place)
        return None
    rows.add("roc.auc", "delong", noted(area, words), **place)
    again = roc.auc_bootstrap(scores, truth, level=settings.level, seed=settings.seed)
    rows.add("roc.auc", "bootstrap", noted(again, words), **place)
    item = place["item"]
    if item in settings.thresholds:
        threshold, source = settings.thresholds[item], "pre-specified threshold"
    else:
        best = roc.youden(scores, truth)
        if best.threshold is None:
            rows.skip(best.note, "roc.sensitivity", "roc.specificity", **place)
            return None
        threshold, source = best.threshold, best.note
        rows.add("roc.youden", "index", noted(best, words), **place)
    for method in ("wilson", "clopper_pearson"):
        done = roc.performance(scores, truth, threshold, interval=method, level=settings.level)
        shares = {
            "sensitivity": done.sensitivity,
            "specificity": done.specificity,
            "ppv": done.ppv,
            "npv": done.npv,
            "accuracy": done.accuracy,
        }
        for name, share in shares.items():
            rows.add(f"roc.{name}", method, noted(share, source, words), **place)
    return threshold, source


def _difference(
    a: np.ndarray,
    b: np.ndarray,
    truth: np.ndarray,
    of_a: tuple[float, str] | None,
    of_b: tuple[float, str] | None,
    settings: Settings,
    rows: Rows,
    place: dict[str, Any],
) -> None:
    level, area = settings.level, "roc.auc_difference"
    in_a, in_b = ~np.isnan(a), ~np.isnan(b)
    if not (in_a & in_b).any():
        unpaired = partial(roc.auc_difference_unpaired, a[in_a], truth[in_a], b[in_b], truth[in_b], level=level)
        _attempt(rows, place, area, "delong_unpaired", unpaired)
        rows.skip("the arms share no case", *_DIFFERENCES[1:], **place)
        return
    _attempt(rows, place, area, "delong_paired", partial(roc.auc_difference, a, b, truth, level=level))
    if of_a is None or of_b is None:
        rows.skip("an arm has no threshold", *_DIFFERENCES[1:], **place)
        return
    words = f"thresholds {of_a[0]:g} and {of_b[0]:g} ({of_a[1]})"
    shares = (roc.sensitivity_difference, roc.specificity_difference)
    for analysis, difference in zip(_DIFFERENCES[1:], shares, strict=True):
        compute = partial(difference, a, b, truth, of_a[0], of_b[0], level=level)
        _attempt(rows, place, analysis, "mcnemar_exact", compute, words)


def _clusters(ratings: Ratings, known: np.ndarray) -> np.ndarray | None:
    """A number for the cluster of each case, or None if every case is one of its own."""
    names = [ratings.clusters.get(case, case) for case, keep in zip(ratings.cases, known, strict=True) if keep]
    distinct, codes = np.unique(names, return_inverse=True)
    return codes if len(distinct) < len(names) else None


def _clustered(
    values: np.ndarray,
    truth: np.ndarray,
    clusters: np.ndarray,
    arms: tuple[str, ...],
    settings: Settings,
    rows: Rows,
    place: dict[str, Any],
) -> None:
    used = [arm for arm in range(len(arms)) if not np.isnan(values[:, arm]).all()]
    level, method = settings.level, "delong_clustered"
    for arm in used:
        compute = partial(auc_clustered, values[:, arm], truth, clusters, level=level)
        _attempt(rows, place | {"arm": arms[arm]}, "roc.auc", method, compute)
    for a, b in combinations(used, 2):
        compute = partial(auc_difference_clustered, values[:, a], values[:, b], truth, clusters, level=level)
        _attempt(rows, place | {"arm": arms[a], "arm_b": arms[b]}, "roc.auc_difference", method, compute)


def _attempt(
    rows: Rows, place: dict[str, Any], analysis: str, method: str, compute: Callable[[], Estimate], words: str = ""
) -> None:
    try:
        rows.add(analysis, method, noted(compute(), words), **place)
    except InputError as error:
        rows.skip(str(error), analysis, **place)


def curves(ratings: Ratings, positive: np.ndarray, word: str) -> Iterator[dict[str, Any]]:
    """Every point of every empirical ROC curve: item, arm, reader, threshold, fpr, tpr."""
    known = ~np.isnan(positive)
    for name, item in ratings.items.items():
        scores = item.scores(word)
        if scores is None:
            continue
        for index, reader in enumerate(ratings.readers):
            for arm, label in enumerate(ratings.arms):
                try:
                    curve = roc.roc_curve(scores[index, known, arm], positive[known] == 1)
                except InputError:
                    continue
                for fpr, tpr, threshold in zip(curve.fpr, curve.tpr, curve.thresholds, strict=True):
                    cut = None if np.isinf(threshold) else float(threshold)
                    point = {"threshold": cut, "fpr": float(fpr), "tpr": float(tpr)}
                    yield {"item": name, "arm": label, "reader": reader, **point}
