"""What the average reader reaches."""

from __future__ import annotations

from SynthPerfLib.evaluation.report import number

from ...blocks import Cell, missing
from ...context import Context
from ...endpoint import AREA_METHODS
from ...found import Row, cell_of

AVERAGE = "Average reader"
"""Label of the average reader in tables and figures."""


def average_row(context: Context, analysis: str, item: str, **place: str) -> Row | None:
    """The first multi-reader method that has an estimate."""
    for method in AREA_METHODS:
        row = context.found.row(analysis, method, item=item, reader="average", **place)
        if row is not None and row.get("estimate") is not None:
            return row
    return None


def average_cell(context: Context, item: str, arm: str, share: str, readers: list[str]) -> Cell:
    """By a multi-reader method; else the mean of the readers without an interval."""
    digits = 3 if share == "auc" else 2
    row = average_row(context, f"mrmc.{share}", item, arm=arm)
    if row is not None:
        return cell_of(row, digits)
    method = "delong" if share == "auc" else "wilson"
    found = [context.found.row(f"roc.{share}", method, item=item, arm=arm, reader=reader) for reader in readers]
    values = [row["estimate"] for row in found if row is not None and row.get("estimate") is not None]
    if not values:
        return missing(context.found.why(f"roc.{share}", item=item, arm=arm))
    why = (
        context.found.why("mrmc.auc", item=item)
        if share == "auc"
        else "mean of the readers; no interval, because the thresholds were chosen in these data"
    )
    return Cell(number(sum(values) / len(values), digits), why=why)


def average_difference(context: Context, item: str, first: str, second: str, fom: str = "auc") -> Row | None:
    """``first`` minus ``second`` by the first multi-reader method that has an estimate."""
    for method in AREA_METHODS:
        row = context.found.pair(f"mrmc.{fom}_difference", method, first, second, item=item, reader="average")
        if row is not None and row.get("estimate") is not None:
            return row
    return None
