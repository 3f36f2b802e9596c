"""The first page: the question, the answer, the design, the way of the cases through the study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..blocks import Cell, Picture, Section, Table, Words, name_cell
from ..blocks import Row as Line
from ..context import Context
from ..endpoint import Endpoint, answer, question
from ..figures import flow
from ..words import counted, listed

if TYPE_CHECKING:
    from ...protocol import Protocol

_KINDS = {
    "fully_crossed": "every reader reads every case in every arm",
    "sequential": "one read of a case, the arms are revealed one after the other",
    "split_plot": "readers and cases are divided into groups",
}


def opening(context: Context, endpoint: Endpoint | None) -> Section:
    """The question and its answer in one sentence."""
    section = Section("Question and answer")
    if endpoint is None:
        section.blocks.append(
            Words("There is no result to put first; what was not done, and why, is said below.", "lead")
        )
        return section
    section.blocks.append(Words(question(context, endpoint)))
    found = answer(context, endpoint)
    section.blocks.append(Words(found.sentence, "lead"))
    section.blocks += [Words(remark) for remark in found.remarks]
    if endpoint.planned:
        source = "Primary endpoint, fixed in the protocol before the first read."
    else:
        source = (
            "No protocol was given: this is the first comparison that the tables allow, not one that was planned. Take "
            "it as exploratory."
        )
    section.blocks.append(Words(source, "quiet"))
    for asked in context.done.facts.get("endpoints", ()):
        if asked["kind"] == "secondary":
            secondary = Endpoint(asked["item"], asked["figure_of_merit"], tuple(asked["arms"]), True)
            item = context.names.item(asked["item"])
            section.blocks.append(Words(f"Secondary endpoint, “{item}”: {answer(context, secondary).sentence}"))
    return section


def design(context: Context, endpoint: Endpoint | None) -> Section | None:
    """Who read what, and how many cases went the whole way; None for a table of pairs."""
    if not context.design and context.done.protocol is None:
        return None
    section = Section("Design and flow", [_facts(context)])
    if context.done.protocol is not None:
        section.blocks.append(_readers(context))
    if context.design:
        steps, ends = _flow(context, endpoint)
        caption = f"Flow of the cases and reads. Answers: item “{context.names.item(_item(context, endpoint))}”."
        section.blocks.append(Picture("flow", caption, flow.flow(steps, ends, "flow"), "Flow diagram of the cases"))
    return section


def _item(context: Context, endpoint: Endpoint | None) -> str:
    """The item whose answers are counted: the endpoint's, else the first."""
    items = context.items
    return endpoint.item if endpoint is not None and endpoint.item in items else items[0]


def _facts(context: Context) -> Table:
    lines = _planned(context.done.protocol) if context.done.protocol is not None else []
    design = context.design
    if design:
        lines += [
            ("Readers", str(len(design["readers"]))),
            ("Cases", _cases(design)),
            ("Arms", listed([f"“{context.names.arm(arm)}”" for arm in context.ordered(design["arms"])])),
            ("Items", listed([f"“{context.names.item(item)}”" for item in context.items])),
            ("Answers", f"{design['answers']}" + (", repeated reads among them" if design["repeats"] > 1 else "")),
        ]
    elif context.regions is not None:
        lines += [
            ("Readers", str(len(context.regions.readers))),
            ("Cases", counted(len(context.regions.cases), "case")),
            ("Regions", listed([f"“{context.names.item(item)}”" for item in context.regions.items])),
            ("Maps", listed([f"“{context.names.arm(arm)}”" for arm in context.regions.arms])),
        ]
    body: list[Line] = [[name_cell(words), Cell(text, row_head=True)] for words, text in lines]
    return Table("design", "Design", [], body)


def _planned(protocol: Protocol) -> list[tuple[str, str]]:
    """What the protocol says of the reading."""
    plan = protocol.design
    washout = f", at least {counted(plan.washout_days, 'day')} between two reads of a case" if plan.washout_days else ""
    sessions = counted(plan.sessions, "session")
    hidden = "opaque codes; arm, case, truth and other readers' answers hidden"
    lines = [
        ("Design", f"{_KINDS[plan.kind]}; {sessions} a reader{washout}; order at random"),
        ("Blinding", hidden + ("; maps change places at random" if protocol.blinding.left_right else "")),
    ]
    if protocol.truth is not None:
        words = f"“{protocol.truth.positive.replace('_', ' ')}” against “{protocol.truth.negative.replace('_', ' ')}”"
        lines.append(("Reference standard", f"{words} (column {protocol.truth.column} of the cohort)"))
    return lines


def _cases(design: Any) -> str:
    text = counted(design["cases"], "case")
    if "clusters" in design:
        text += f" of {counted(design['clusters'], 'patient')}"
    if "positive" in design:
        text += f": {design['positive']} positive, {design['negative']} negative"
        if design["truth_missing"]:
            text += f", {design['truth_missing']} without a known truth"
    return text


def _readers(context: Context) -> Table:
    assert context.done.protocol is not None
    submitted = {row["reader"]: row for row in context.done.facts.get("flow", {}).get("readers", ())}
    body: list[Line] = []
    for reader in context.done.protocol.readers:
        years = "not stated" if reader.years is None else f"{reader.years:g}"
        line: list[Cell | str] = [name_cell(reader.id), Cell(reader.role, row_head=True), years]
        line.append(Cell(reader.training or "not stated", row_head=True))
        row = submitted.get(reader.id)
        line.append("none planned" if row is None else f"{row['submitted']} of {row['planned']}")
        body.append(line)
    head: Line = [
        Cell("Reader", row_head=True),
        Cell("Part", row_head=True),
        "Years of experience",
        Cell("Training", row_head=True),
        "Reads submitted",
    ]
    return Table("readers", "Readers (pseudonyms)", [head], body)


def _flow(context: Context, endpoint: Endpoint | None) -> tuple[list[flow.Step], list[list[str]]]:
    facts, design = context.done.facts.get("flow", {}), context.design
    never = design.get("cases_never_read", 0)
    start = facts.get("cases", design["cases"] + never)
    first = [f"{counted(start, 'case')} {'in the study' if facts else 'in the tables'}"]
    steps = [flow.Step(first)]
    lost = []
    unread = start - design["cases"] if facts else never
    if unread:
        lost.append(f"{counted(unread, 'case')} that nobody read")
    if design.get("truth_missing"):
        lost.append(f"{counted(design['truth_missing'], 'case')} without a known truth (not in the ROC analysis)")
    lines = [f"{counted(design['cases'], 'case')} read"]
    if "positive" in design:
        lines.append(f"{design['positive']} positive, {design['negative']} negative")
    if facts:
        lines.append(f"{facts['cases_read_as_planned']} read by every reader as planned")
    steps.append(flow.Step(lines, lost))
    item = _item(context, endpoint)
    ends = []
    for arm in context.ordered(design["arms"]):
        rows = [row for row in context.done.facts["missing"] if row["arm"] == arm and row["item"] == item]
        counts = {key: sum(row[key] for row in rows) for key in ("cases", "rated", "not_assessable", "empty", "absent")}
        times = f"{len(rows)} \N{MULTIPLICATION SIGN} {rows[0]['cases']}"
        ends.append(
            [
                context.names.arm(arm),
                f"{counts['cases']} answers due ({times})",
                f"{counts['rated']} given",
                f"{counts['not_assessable']} not assessable",
                f"{counts['empty']} left empty, {counts['absent']} not read",
            ]
        )
    return steps, ends
