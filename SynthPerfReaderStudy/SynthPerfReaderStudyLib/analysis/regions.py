"""Regions of interest as ratings: the maps are the arms."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from SynthPerfLib.rois import NAWM

from ..ratings import RATINGS_COLUMNS, Ratings, read_ratings
from .pairs import two_methods
from .rows import Rows
from .settings import Settings


def region_ratings(rois: Path, tasks: Sequence[str], out: Path) -> tuple[Ratings, dict[str, str]] | None:
    """Write the regions' values as a table of ratings, and read it; None if nothing was measured.

    Parameters
    ----------
    rois
        A study's rois.csv; repeated reads are left out.
    tasks
        The protocol's ids; ``tumour_2`` is the second region of ``tumour``.
    out
        The table to write: the item is the task (with the condition, where a study has both), the arm is the map, the
        value the mean over the task's regions.

    Returns
    -------
    tuple
        The ratings, and what was measured for each item: ``nawm_ratio``, or ``mean`` of the reference
        itself and where there is none.
    """
    from ..export.tables import write_csv

    with rois.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["repeat"] in ("", "1")]
    several = len({row["condition"] for row in rows}) > 1
    items = [_task(row["roi"], tasks) + (f" {row['condition']}" if several else "") for row in rows]
    # White matter over itself is 1 by definition: of the reference the mean itself is of interest.
    relative = {item for item, row in zip(items, rows, strict=True) if row["nawm_ratio"] and row["kind"] != NAWM}
    measures = {item: "nawm_ratio" if item in relative else "mean" for item in items}
    gathered: dict[tuple[str, str, str, str], list[float]] = {}
    for item, row in zip(items, rows, strict=True):
        if row[measures[item]]:
            key = (row["reader"], row["case"], row["map"], item)
            gathered.setdefault(key, []).append(float(row[measures[item]]))
    if not gathered:
        return None
    write_csv(out, RATINGS_COLUMNS, sorted((*key, repr(float(np.mean(values)))) for key, values in gathered.items()))
    return read_ratings(out), measures


def _task(roi: str, tasks: Sequence[str]) -> str:
    """The task of a region; the region's own name if it is of none."""
    stem, _, number = roi.rpartition("_")
    return stem if stem in tasks and number.isdigit() else roi


def compare_maps(ratings: Ratings, settings: Settings, rows: Rows) -> None:
    """Add ``regression``, ``correlation`` and ``bland_altman`` of every two maps, averaged over readers per case."""
    for name, item in ratings.items.items():
        values = item.first
        for a, b in combinations(range(len(ratings.arms)), 2):
            both = ~np.isnan(values[:, :, a]) & ~np.isnan(values[:, :, b])
            read = both.any(axis=0)
            if not read.any():
                continue
            number = both[:, read].sum(axis=0)
            x, y = (np.where(both, values[:, :, arm], 0.0)[:, read].sum(axis=0) / number for arm in (a, b))
            place = {"item": name, "reader": "average", "arm": ratings.arms[a], "arm_b": ratings.arms[b]}
            two_methods(x, y, settings, rows, place)
