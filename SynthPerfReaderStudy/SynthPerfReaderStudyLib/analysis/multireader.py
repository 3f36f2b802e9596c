"""Readers together: is one arm better than another for readers and cases like these?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from SynthPerfLib.errors import InputError

from ..ratings import Ratings
from ..statistics import mrmc
from ..statistics.estimate import Estimate
from .diagnostic import WORDS
from .rows import Rows
from .settings import Settings

_ALL = ("mrmc.test", "mrmc.auc_difference", "mrmc.auc", "mrmc.component")


def multireader(ratings: Ratings, positive: np.ndarray, word: str, settings: Settings, rows: Rows) -> None:
    """Add ``mrmc.*`` of every item; ``positive`` and ``word`` as for :func:`.diagnostic.diagnostic`."""
    known = ~np.isnan(positive)
    truth = positive[known] == 1
    for name, item in ratings.items.items():
        values = item.scores(word)
        if values is None:
            rows.skip(WORDS.format(word), *_ALL, item=name)
            continue
        scores = values[:, known].transpose(2, 0, 1)
        given = ~np.isnan(scores)
        arms = np.flatnonzero(given.any(axis=(1, 2)))
        readers = np.flatnonzero(given.any(axis=(0, 2)))
        if len(arms) < 2 or len(readers) < 2:
            why = f"it needs two arms and two readers; item {name} has {len(arms)} arm(s) and {len(readers)} reader(s)"
            rows.skip(why, *_ALL, item=name)
            continue
        labels = [ratings.arms[arm] for arm in arms]
        names = [ratings.readers[reader] for reader in readers]
        used = scores[np.ix_(arms, readers)]
        for method in mrmc.METHODS:
            try:
                done = mrmc.analyse(used, truth, method, level=settings.level)
            except InputError as error:
                rows.skip(str(error), *_ALL, item=name, method=method)
                continue
            _add(done, "auc", name, labels, names, rows)
            if settings.margin is not None:
                _noninferiority(done, name, labels, settings.margin, settings, rows)
        for fom in ("sensitivity", "specificity"):
            _share(used, truth, fom, name, labels, names, settings, rows)


def _share(
    scores: np.ndarray,
    truth: np.ndarray,
    fom: str,
    item: str,
    arms: list[str],
    readers: list[str],
    settings: Settings,
    rows: Rows,
) -> None:
    """Sensitivity or specificity as the figure of merit, where the threshold does not come from these data."""
    levels = np.unique(scores[~np.isnan(scores)])
    threshold = settings.thresholds.get(item, float(levels.mean()) if len(levels) == 2 else None)
    if threshold is None:
        return
    try:
        done = mrmc.analyse(scores, truth, fom=fom, threshold=threshold, level=settings.level)
    except InputError as error:
        rows.skip(str(error), f"mrmc.{fom}", f"mrmc.{fom}_difference", item=item)
        return
    _add(done, fom, item, arms, readers, rows)


def _add(done: mrmc.Mrmc, fom: str, item: str, arms: list[str], readers: list[str], rows: Rows) -> None:
    test = "mrmc.test" if fom == "auc" else f"mrmc.{fom}_test"
    rows.add(test, done.method, done.test, item=item)
    for (a, b), difference in done.differences.items():
        place: dict[str, Any] = {"item": item, "arm": arms[a], "arm_b": arms[b]}
        rows.add(f"mrmc.{fom}_difference", done.method, difference, reader="average", **place)
    for arm, estimate in zip(arms, done.arms, strict=True):
        rows.add(f"mrmc.{fom}", done.method, estimate, item=item, arm=arm, reader="average")
    for (a, b), of_readers in done.reader_differences.items():
        for reader, difference in zip(readers, of_readers, strict=True):
            place = {"item": item, "arm": arms[a], "arm_b": arms[b], "reader": reader}
            rows.add(f"mrmc.{fom}_difference", done.method, difference, **place)
    if fom == "auc":
        _components(done.components, done.method, item, rows)


def _components(components: Mapping[str, float], method: str, item: str, rows: Rows) -> None:
    for component, value in components.items():
        rows.add("mrmc.component", method, Estimate(value, note=item), item=component)


def _noninferiority(done: mrmc.Mrmc, item: str, arms: list[str], margin: float, settings: Settings, rows: Rows) -> None:
    if settings.reference is not None and settings.reference not in arms:
        raise InputError(f"--reference {settings.reference}: the arms are {', '.join(arms)}.")
    for a, b in done.differences:
        if settings.reference is not None and settings.reference not in (arms[a], arms[b]):
            continue
        new = "b" if settings.reference == arms[a] else "a"
        found = mrmc.noninferiority(done, (a, b), margin, new=new, level=settings.level)  # type: ignore[arg-type]
        place = {"item": item, "arm": arms[a], "arm_b": arms[b], "reader": "average"}
        rows.add("mrmc.noninferiority", done.method, found, **place)
