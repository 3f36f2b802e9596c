"""How long reads took: arms against one another, learning, sessions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..statistics.comparisons import welch_t
from ..statistics.estimate import Estimate
from ..statistics.intervals import with_t
from ..statistics.method_comparison import ols
from .compare import compare_arms
from .rows import Rows, noted
from .settings import Settings

ITEM = "reading_time_s"


@dataclass(frozen=True)
class Visit:
    """One submitted read.

    Attributes
    ----------
    arm
        None where one read showed several arms.
    repeat, session
        Numbers from 1.
    active, idle
        Seconds that the reader worked on it, and seconds without any input.
    """

    reader: str
    case: str
    arm: str | None
    repeat: int
    session: int
    active: float
    idle: float


def reading_times(visits: Sequence[Visit], settings: Settings, rows: Rows) -> None:
    """Add ``reading_time``, its ``comparison`` between arms (first reads), ``learning`` and ``session_effect``.

    ``visits`` are in the order of reading. Ratios are of geometric means.
    """
    readers = sorted({visit.reader for visit in visits})
    arms = sorted({visit.arm for visit in visits if visit.arm is not None})
    shown: list[str | None] = [*arms] or [None]
    for arm in shown:
        of_arm = [visit for visit in visits if visit.arm == arm]
        rows.add("reading_time", "median_seconds", noted(_median(of_arm), "all reads"), arm=arm)
        for reader in readers:
            own = [visit for visit in of_arm if visit.reader == reader]
            if own:
                rows.add("reading_time", "median_seconds", _median(own), reader=reader, arm=arm)
    if len(arms) > 1:
        cases = sorted({visit.case for visit in visits})
        values = np.full((len(readers), len(cases), len(arms)), np.nan)
        for visit in visits:
            if visit.arm is not None and visit.repeat == 1:
                values[readers.index(visit.reader), cases.index(visit.case), arms.index(visit.arm)] = visit.active
        compare_arms(ITEM, values, readers, arms, settings, rows)
    else:
        rows.skip("there is one arm only", "comparison", item=ITEM)
    slopes = []
    for reader in readers:
        own = [visit for visit in visits if visit.reader == reader and visit.active > 0]
        seconds = np.log([visit.active for visit in own])
        slope = ols(np.arange(len(own), dtype=float), seconds, level=settings.level)["slope"]
        rows.add("learning", "percent_per_10_reads", _percent(slope), reader=reader)
        if slope.estimate is not None:
            slopes.append(slope.estimate)
        _sessions(own, seconds, settings, rows, {"reader": reader})
    if len(slopes) > 1:
        spread = float(np.std(slopes, ddof=1)) / math.sqrt(len(slopes))
        mean = with_t(float(np.mean(slopes)), spread, len(slopes) - 1, settings.level, n=len(slopes))
        rows.add("learning", "percent_per_10_reads", noted(_percent(mean), "n: readers"), reader="average")


def _median(visits: Sequence[Visit]) -> Estimate:
    seconds = np.array([visit.active for visit in visits])
    low, median, high = np.quantile(seconds, [0.25, 0.5, 0.75])
    idle = sum(visit.idle for visit in visits)
    words = f"quartiles {low:.1f} and {high:.1f} s; mean {seconds.mean():.1f} s; idle {idle:.0f} s in all, not counted"
    return Estimate(float(median), n=len(visits), note=words)


def _sessions(
    visits: Sequence[Visit], seconds: np.ndarray, settings: Settings, rows: Rows, place: dict[str, Any]
) -> None:
    """Each later session's geometric mean time over the first one's."""
    numbers = np.array([visit.session for visit in visits])
    first, *later = np.unique(numbers) if len(numbers) else [0]
    for number in later:
        found = welch_t(seconds[numbers == number], seconds[numbers == first], level=settings.level)
        ratio = _taken(found, math.exp)
        rows.add("session_effect", "time_ratio", noted(ratio, f"session {number} over session {first}"), **place)


def _percent(slope: Estimate) -> Estimate:
    """The slope of log seconds on the number of the read as percent of change over ten reads."""
    return _taken(slope, lambda value: 100 * math.expm1(10 * value))


def _taken(found: Estimate, back: Callable[[float], float]) -> Estimate:
    """An estimate of logarithms with its limits, taken back."""
    estimate, low, high = (
        None if value is None else back(value) for value in (found.estimate, found.ci_low, found.ci_high)
    )
    return replace(found, estimate=estimate, se=None, ci_low=low, ci_high=high)
