"""What is missing, and what was not done."""

from __future__ import annotations

from ..blocks import Cell, Section, Table, Words, name_cell
from ..blocks import Row as Line
from ..context import Context
from ..words import analysis_words


def completeness(context: Context) -> Section:
    """The matrix of missing cells, and every analysis that was left out with its reason."""
    section = Section("What is missing, and what was not done")
    if context.design:
        section.blocks.append(_matrix(context))
    section.blocks.append(_skipped(context) if context.done.rows.skipped else Words("No analysis was left out."))
    return section


def _matrix(context: Context) -> Table:
    design = context.design
    cells = {(row["item"], row["reader"], row["arm"]): row for row in context.done.facts["missing"]}
    body: list[Line] = []
    for item in context.items:
        for place, reader in enumerate(design["readers"]):
            line: list[Cell | str] = []
            if place == 0:
                line.append(name_cell(context.names.item(item), rows=len(design["readers"])))
            line.append(name_cell(reader))
            for arm in context.ordered(design["arms"]):
                row = cells[item, reader, arm]
                tone = "" if row["rated"] == row["cases"] else "some" if row["rated"] else "none"
                parts = [f"{row[key]} {words}" for key, words in _KINDS.items() if row[key]]
                line.append(Cell(f"{row['rated']} of {row['cases']}", below=", ".join(parts), tone=tone))
            body.append(line)
    head: Line = [
        Cell("Item", row_head=True),
        Cell("Reader", row_head=True),
        *map(context.names.arm, context.ordered(design["arms"])),
    ]
    notes = [
        "Cases with an answer in any read. Missing answers are never filled in: each analysis uses the cases that it "
        "can, and says how many."
    ]
    reasons = [
        f"{context.names.item(item)}: " + ", ".join(f"{reason} ({number})" for reason, number in found.items())
        for item, found in design["not_assessable"].items()
    ]
    if reasons:
        notes.append("Reasons for “not assessable”: " + "; ".join(reasons) + ".")
    return Table("missing_cells", "Answers by item, reader and arm", [head], body, notes)


_KINDS = {"not_assessable": "not assessable", "empty": "left empty", "absent": "not read"}


def _skipped(context: Context) -> Table:
    """One line for each reason."""
    by_reason: dict[str, dict[str, list[str]]] = {}
    for row in context.done.rows.skipped:
        about = [context.names.item(row["item"])] if "item" in row else []
        about += [context.names.arm(row[key]) for key in ("arm", "arm_b") if key in row]
        about += [f"reader {row['reader']}"] if "reader" in row else []
        where = by_reason.setdefault(row["why"], {"what": [], "where": []})
        for kind, words in (("what", analysis_words(row["analysis"])), ("where", ", ".join(about))):
            if words and words not in where[kind]:
                where[kind].append(words)
    body: list[Line] = [
        [name_cell("; ".join(found["what"])), Cell(why, row_head=True), Cell(_some(found["where"]), row_head=True)]
        for why, found in by_reason.items()
    ]
    head: Line = [
        Cell("Analysis", row_head=True),
        Cell("Why it was not done", row_head=True),
        Cell("Where", row_head=True),
    ]
    return Table("not_done", "What was not done, and why", [head], body, ["Each single one is in tables/skipped.csv."])


def _some(where: list[str]) -> str:
    return "; ".join(where[:6]) + (f"; and {len(where) - 6} more" if len(where) > 6 else "")
