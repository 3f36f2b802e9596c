"""One arm against another, by reader."""

from __future__ import annotations

from SynthPerfLib.evaluation.report import p_value

from ...blocks import Block, Cell, Picture, Table, missing, name_cell
from ...blocks import Row as Line
from ...context import Context
from ...figures import roc
from ...found import Row, cell_of
from ...words import mrmc_words
from .average import AVERAGE, average_difference


def reader_difference(context: Context, item: str, reader: str, first: str, second: str) -> Row | None:
    """One reader's difference of the AUC, paired where the arms share cases."""
    for method in ("delong_paired", "delong_unpaired"):
        row = context.found.pair("roc.auc_difference", method, first, second, item=item, reader=reader)
        if row is not None:
            return row
    return None


def differences(
    context: Context, item: str, first: str, second: str, readers: list[str], place: int, draw: bool
) -> list[Block]:
    """``first`` minus ``second``: the table, and where ``draw`` a forest plot. ``place``: of the pair among all."""
    names = [context.names.arm(first), context.names.arm(second)]
    body: list[Line] = []
    lines = []
    for reader in readers:
        where = {"item": item, "reader": reader}
        row = reader_difference(context, item, reader, first, second)
        lines.append(_line(reader, row))
        cells: list[Cell | str] = [name_cell(reader)]
        cells += _difference_cells(context, row, "roc.auc_difference", where, 3)
        for share in ("sensitivity", "specificity"):
            analysis = f"roc.{share}_difference"
            row = context.found.pair(analysis, "mcnemar_exact", first, second, **where)
            cells += _difference_cells(context, row, analysis, where, 2)
        body.append(cells)
    row = average_difference(context, item, first, second)
    if len(readers) > 1:
        lines.append(_line(AVERAGE, row, bold=True))
        cells = [Cell(AVERAGE, row_head=True, tone="strong")]
        cells += _difference_cells(context, row, "mrmc.auc_difference", {"item": item}, 3)
        for share in ("sensitivity", "specificity"):
            found = average_difference(context, item, first, second, share)
            if found is None:
                why = "only with a pre-specified threshold or a yes-no item"
                cells += [missing(why), missing(why)]
            else:
                cells += _difference_cells(context, found, f"mrmc.{share}_difference", {"item": item}, 2)
        body.append(cells)
    method = "" if row is None else f" Average reader: {mrmc_words(row['method'])}."
    tail = f"_{place + 1}" if place else ""
    table = Table(
        f"differences_{context.slug(item)}{tail}",
        f"Differences, “{names[0]}” minus “{names[1]}”, item “{context.names.item(item)}”",
        [
            [
                Cell("Reader", row_head=True),
                f"AUC ({context.level} % CI)",
                "p",
                f"Sensitivity ({context.level} % CI)",
                "p",
                f"Specificity ({context.level} % CI)",
                "p",
            ]
        ],
        body,
        ["Single readers: DeLong test of paired curves; exact McNemar test with Tango's interval." + method],
    )
    blocks: list[Block] = [table]
    if draw and len(readers) > 1:
        margin = context.done.settings.margin
        text = roc.forest(
            lines,
            "Difference of the AUC",
            f"forest_{context.slug(item)}{tail}",
            margin if second == (context.done.settings.reference or second) else None,
        )
        caption = (
            f"Difference of the AUC with {context.level} % confidence interval; right of 0: “{names[0]}” is better "
            f"than “{names[1]}”."
        )
        blocks.append(Picture(f"forest_{context.slug(item)}{tail}", caption, text, "Differences of the AUC by reader"))
    return blocks


def _line(label: str, row: Row | None, bold: bool = False) -> roc.Difference:
    values = {} if row is None else row
    return roc.Difference(label, values.get("estimate"), values.get("ci_low"), values.get("ci_high"), bold)


def _difference_cells(
    context: Context, row: Row | None, analysis: str, where: dict[str, str], digits: int
) -> list[Cell | str]:
    if row is None:
        why = context.found.why(analysis, **where)
        return [missing(why), missing(why)]
    return [
        cell_of(row, digits),
        Cell(p_value(row["p"])) if row.get("p") is not None else missing(row.get("note") or "no test"),
    ]
