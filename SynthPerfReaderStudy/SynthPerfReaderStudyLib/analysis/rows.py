"""The rows of results.json as they are gathered."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

from ..statistics.estimate import Estimate

PLACE = ("analysis", "item", "arm", "arm_b", "reader", "reader_b", "method")
NUMBERS = tuple(field.name for field in fields(Estimate))
FIELDS = (*PLACE, *NUMBERS)
"""The keys of an estimate in results.json, in the order in which they are written."""


class Rows:
    """Estimates and what was skipped.

    Attributes
    ----------
    estimates
        Flat objects with keys of :data:`FIELDS`; what does not apply is absent.
    skipped
        ``analysis``, ``why`` and, where it is about one, ``item``, ``arm`` or ``reader``.
    """

    def __init__(self) -> None:
        self.estimates: list[dict[str, Any]] = []
        self.skipped: list[dict[str, str]] = []

    def add(self, analysis: str, method: str, estimate: Estimate, **place: str | None) -> None:
        """Add one estimate; ``place`` names its item, arms and readers."""
        row: dict[str, Any] = {"analysis": analysis}
        row |= {key: place[key] for key in PLACE[1:-1] if place.get(key) is not None}
        row["method"] = method
        lost = []
        for key in NUMBERS:
            value = getattr(estimate, key)
            if value is None or value == "":
                continue
            if isinstance(value, str):
                row[key] = value
            elif not math.isfinite(value):
                lost.append(key)
            else:
                row[key] = (
                    int(value) if key.startswith("n") or (float(value).is_integer() and key in _WHOLE) else float(value)
                )
        if lost:
            row["note"] = "; ".join(filter(None, [row.get("note"), f"not finite: {', '.join(lost)}"]))
        self.estimates.append(row)

    def skip(self, why: str, *analyses: str, **place: str | None) -> None:
        """Say why ``analyses`` were not done."""
        about = {key: value for key, value in place.items() if value is not None}
        self.skipped += [{"analysis": analysis, **about, "why": why} for analysis in analyses]


_WHOLE = ("df1", "df2", "n", "n_pos", "n_neg")


def noted(estimate: Estimate, *words: str) -> Estimate:
    """The estimate with more words in its note."""
    return replace(estimate, note="; ".join(filter(None, [*words, estimate.note])))
