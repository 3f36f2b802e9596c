"""Finding one estimate among all, or why it is not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from SynthPerfLib.evaluation.report import number

from ..analysis.rows import PLACE, Rows
from .blocks import DASH, Cell, missing

Row = Mapping[str, Any]

NOT_ASKED = "not part of this analysis"


class Found:
    """The estimates of an analysis by their place."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._by_place: dict[tuple[str | None, ...], Row] = {}
        self._by_analysis: dict[str, list[Row]] = {}
        self._by_item: dict[tuple[str, str], list[Row]] = {}
        for row in rows.estimates:
            self._by_place.setdefault(tuple(row.get(key) for key in PLACE), row)
            self._by_analysis.setdefault(row["analysis"], []).append(row)
            self._by_item.setdefault((row["analysis"], row.get("item", "")), []).append(row)

    def of(self, analysis: str, **place: str) -> list[Row]:
        """Every estimate of an analysis at a place; keys that are not given may have any value."""
        if "item" in place:
            rows = self._by_item.get((analysis, place["item"]), [])
        else:
            rows = self._by_analysis.get(analysis, [])
        return [row for row in rows if all(row.get(key) == value for key, value in place.items())]

    def row(self, analysis: str, method: str, **place: str) -> Row | None:
        """The one estimate at exactly this place, or None."""
        where = {"analysis": analysis, "method": method, **place}
        return self._by_place.get(tuple(where.get(key) for key in PLACE))

    def pair(self, analysis: str, method: str, first: str, second: str, **place: str) -> Row | None:
        """The difference of arm ``first`` minus arm ``second``, whichever way it was computed."""
        row = self.row(analysis, method, arm=first, arm_b=second, **place)
        if row is not None:
            return row
        row = self.row(analysis, method, arm=second, arm_b=first, **place)
        return None if row is None else turned(row)

    def has(self, analysis: str) -> bool:
        """Whether there is any estimate of it."""
        return analysis in self._by_analysis

    def why(self, analysis: str, **place: str) -> str:
        """Why an estimate is not there."""
        for skipped in self._rows.skipped:
            about = {key: value for key, value in skipped.items() if key not in ("analysis", "why")}
            if skipped["analysis"] == analysis and all(place.get(key) == value for key, value in about.items()):
                return skipped["why"]
        return NOT_ASKED

    def cell(self, analysis: str, method: str, place: Mapping[str, str], digits: int = 2) -> Cell:
        """The estimate with its interval as a table cell."""
        row = self.row(analysis, method, **place)
        return missing(self.why(analysis, **place)) if row is None else cell_of(row, digits)


def cell_of(row: Row, digits: int = 2, *, limits: bool = True) -> Cell:
    """An estimate with its interval; where a part is missing, the reason is in the note."""
    if row.get("estimate") is None:
        return missing(row.get("note") or NOT_ASKED)
    text = number(row["estimate"], digits)
    if not limits:
        return Cell(text)
    if row.get("ci_low") is None or row.get("ci_high") is None:
        return Cell(text, why=row.get("note") or "no interval is defined for this method")
    if row["ci_low"] == row["ci_high"]:
        return Cell(text, why="no interval: the variance estimate is 0")  # limits would pretend certainty
    return Cell(text, limits=interval(row, digits))


def interval(row: Row, digits: int = 2) -> str:
    """The two limits: an en dash between them, or 'to' where a minus sign could be misread."""
    low, high = number(row["ci_low"], digits), number(row["ci_high"], digits)
    return f"{low} to {high}" if row["ci_low"] < 0 else f"{low}{DASH}{high}"


def turned(row: Row) -> Row:
    """The same difference seen from the other arm."""
    sign = {key: -row[key] for key in ("estimate", "statistic") if row.get(key) is not None}
    limits = {"ci_low": "ci_high", "ci_high": "ci_low"}
    ends = {key: -row[other] for key, other in limits.items() if row.get(other) is not None}
    return {**row, **sign, **ends, "arm": row["arm_b"], "arm_b": row["arm"]}
