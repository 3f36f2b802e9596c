"""AUC, sensitivity and specificity of each reader in each arm."""

from __future__ import annotations

from dataclasses import replace

from SynthPerfLib.evaluation.report import p_value

from ...blocks import Cell, Table, missing, name_cell
from ...blocks import Row as Line
from ...context import Context
from ...found import Row
from ...words import mrmc_words
from .average import AVERAGE, average_cell, average_difference, average_row
from .differences import reader_difference
from .thresholds import threshold_note

TOGETHER = {"consensus": "Consensus after adjudication", "pooled": "All reads pooled"}
"""Readers of the results who are nobody, and their line in the table."""

_SHARES = ("AUC", "Sensitivity", "Specificity")


def by_reader(context: Context, item: str, arms: list[str], readers: list[str]) -> Table:
    """Table 3 of Wu et al. 2025 with a line for each reader; with more than two arms these stand below one another."""
    lines = [(name_cell(reader), _cells_of(context, item, arms, reader)) for reader in readers]
    if len(readers) > 1:
        average = [[average_cell(context, item, arm, share.lower(), readers) for share in _SHARES] for arm in arms]
        lines.append((Cell(AVERAGE, row_head=True, tone="strong"), average))
    together = [reader for reader in TOGETHER if context.found.of("roc.auc", item=item, reader=reader)]
    lines += [(name_cell(TOGETHER[reader]), _cells_of(context, item, arms, reader)) for reader in together]
    notes = [
        f"In brackets {context.level} % confidence intervals: DeLong for a reader's AUC, Wilson for sensitivity and "
        "specificity.",
        threshold_note(context, item),
    ]
    areas = [row for arm in arms if (row := average_row(context, "mrmc.auc", item, arm=arm)) is not None]
    if areas:
        notes.append(f"Average reader: {mrmc_words(areas[0]['method'])}.")
    if any(row.get("ci_high", 0) > 1 for row in areas):
        notes.append("A limit above 1 comes from the method for few cases and readers; read it as 1.")
    head: list[Line]
    body: list[Line]
    if len(arms) > 2:
        head = [[Cell("Reader", row_head=True), Cell("Arm", row_head=True), *_SHARES]]
        body = []
        for name, cells in lines:
            for place, (arm, shares) in enumerate(zip(arms, cells, strict=True)):
                first = [replace(name, rows=len(arms))] if place == 0 else []
                body.append([*first, name_cell(context.names.arm(arm)), *shares])
    else:
        titles = [Cell(context.names.arm(arm), span=3) for arm in arms]
        head = [[Cell("Reader", rows=2, row_head=True), *titles], [share for _ in arms for share in _SHARES]]
        body = [[name, *[cell for shares in cells for cell in shares]] for name, cells in lines]
    if len(arms) == 2:
        head[0] = [*head[0], Cell("p (AUC)", rows=2)]
        tests = [reader_difference(context, item, reader, *arms) for reader in readers]
        tests += [average_difference(context, item, *arms)] if len(readers) > 1 else []
        tests += [reader_difference(context, item, reader, *arms) for reader in together]
        body = [[*line, _p(test, context, item)] for line, test in zip(body, tests, strict=True)]
        notes.append("p: test of equal AUC in the two arms (DeLong for one reader, multi-reader test for the average).")
    caption = f"Diagnostic accuracy, item “{context.names.item(item)}”"
    return Table(f"accuracy_{context.slug(item)}", caption, head, body, notes)


def _cells_of(context: Context, item: str, arms: list[str], reader: str) -> list[list[Cell]]:
    """One reader's AUC, sensitivity and specificity in each arm."""
    found = []
    for arm in arms:
        place = {"item": item, "arm": arm, "reader": reader}
        area = context.found.cell("roc.auc", "delong", place, 3)
        found.append([area, *[context.found.cell(f"roc.{share.lower()}", "wilson", place) for share in _SHARES[1:]]])
    return found


def _p(row: Row | None, context: Context, item: str) -> Cell:
    if row is None:
        return missing(context.found.why("mrmc.auc_difference", item=item))
    return missing(row.get("note") or "no test") if row.get("p") is None else Cell(p_value(row["p"]))
