"""What the record of a study tells beyond the answers: reading times, learning, sessions, blinding."""

from __future__ import annotations

import numpy as np
from SynthPerfLib.evaluation.report import number, p_value

from ..blocks import Cell, Heading, Picture, Section, Table, missing, name_cell
from ..blocks import Row as Line
from ..context import Context
from ..figures import times
from ..found import Row, cell_of
from ..words import MINUS

_ALL = "All readers"


def reading(context: Context) -> Section | None:
    """Reading times and blinding; None where plain tables were analysed."""
    if not context.done.visits:
        return None
    section = Section("Reading times and blinding")
    arms = context.ordered(sorted({visit.arm or "" for visit in context.done.visits}))
    readers = sorted({visit.reader for visit in context.done.visits})
    gathered = []
    for reader in readers:
        own = [visit for visit in context.done.visits if visit.reader == reader]
        seconds = np.array([visit.active for visit in own])
        gathered.append(times.Times(reader, seconds, np.array([arms.index(visit.arm or "") for visit in own])))
    words = [context.names.arm(arm) if arm else "all arms in one read" for arm in arms]
    caption = (
        "Active reading time: from the first sight of a case to its submission, time without any input left out. "
        "Left: median, quartiles, whiskers to 1.5 interquartile ranges. Right: does reading become faster?"
    )
    text = times.reading_times(gathered, words, "reading_times")
    section.blocks += [
        Heading("How long readers took"),
        Picture("reading_times", caption, text, "Reading times by reader and arm"),
        _medians(context, readers, arms),
    ]
    if context.found.has("learning"):
        section.blocks.append(_learning(context, readers))
    section.blocks += [Heading("Did readers know the arm?"), _blinding(context)]
    return section


def _medians(context: Context, readers: list[str], arms: list[str]) -> Table:
    body: list[Line] = []
    for reader in [*readers, *([_ALL] if len(readers) > 1 else [])]:
        line: list[Cell | str] = [name_cell(reader)]
        for arm in arms:
            place = ({"arm": arm} if arm else {}) | _who(reader)
            row = context.found.row("reading_time", "median_seconds", **place)
            if row is None or row.get("estimate") is None:
                line.append(missing("no submitted read"))
                continue
            quartiles = next(part for part in row["note"].split("; ") if part.startswith("quartiles"))
            line.append(Cell(f"{number(row['estimate'], 1)} s", below=f"{quartiles}, n = {row['n']}"))
        if len(arms) == 2:
            who = "average" if reader == _ALL else reader
            found = context.found.pair("comparison", "paired_t", *arms, item="reading_time_s", reader=who)
            line += _tested(found, 1)
        body.append(line)
    head: list[Cell | str] = [Cell("Reader", row_head=True)]
    head += [context.names.arm(arm) if arm else "All arms in one read" for arm in arms]
    notes = ["Median with quartiles; idle time is not counted."]
    if len(arms) == 2:
        head += [f"Mean difference in s ({context.level} % CI)", "p"]
        notes.append(
            f"Difference: “{context.names.arm(arms[0])}” minus “{context.names.arm(arms[1])}”, paired t test over the "
            "cases, first reads; of all readers: averaged per case."
        )
    return Table("reading_times", "Active reading time per case", [head], body, notes)


def _who(reader: str) -> dict[str, str]:
    """The place of a reader's results; those of all readers together name none."""
    return {} if reader == _ALL else {"reader": reader}


def _tested(row: Row | None, digits: int) -> list[Cell | str]:
    if row is None:
        return [missing("not computed")] * 2
    p = Cell(p_value(row["p"])) if row.get("p") is not None else missing(row.get("note") or "no test")
    return [cell_of(row, digits), p]


def _learning(context: Context, readers: list[str]) -> Table:
    body: list[Line] = []
    for reader in [*readers, "average"]:
        row = context.found.row("learning", "percent_per_10_reads", reader=reader)
        if row is None:
            continue
        words = "Mean of the readers" if reader == "average" else reader
        line: list[Cell | str] = [name_cell(words), *_tested(row, 1)]
        sessions = context.found.of("session_effect", reader=reader)
        cells = [(found, cell_of(found)) for found in sessions if found.get("estimate") is not None]
        parts = [f"{_session(found)}: {cell.text} ({cell.limits})" for found, cell in cells]
        why = "of single readers only" if reader == "average" else "one session only"
        line.append(Cell("; ".join(parts)) if parts else missing(why))
        body.append(line)
    head: Line = [
        Cell("Reader", row_head=True),
        f"Change of the time per 10 reads in % ({context.level} % CI)",
        "p",
        f"Time in later sessions over the first ({context.level} % CI)",
    ]
    notes = [f"Regression of the logarithm of the time on the number of the read; {MINUS}10 % means 10 % faster."]
    return Table("learning", "Learning and session effects", [head], body, notes)


def _session(row: Row) -> str:
    return str(row.get("note", "")).partition(";")[0].replace("session ", "").replace(" over ", " / ")


def _blinding(context: Context) -> Table:
    rows = context.found.of("blinding")
    readers = [*dict.fromkeys(row["reader"] for row in rows if "reader" in row), _ALL]
    arms = context.ordered(dict.fromkeys(row["arm"] for row in rows if "arm" in row))
    body: list[Line] = []
    for reader in readers if rows else ():
        line: list[Cell | str] = [name_cell(reader)]
        for arm in arms:
            line.append(context.found.cell("blinding", "bang", {"arm": arm} | _who(reader)))
        line.append(context.found.cell("blinding", "james", _who(reader)))
        body.append(line)
    if not rows:
        body = [[name_cell("all"), missing(context.found.why("blinding"))]]
    head: list[Cell | str] = [Cell("Reader", row_head=True)]
    head += [f"Bang's index, {context.names.arm(arm)}" for arm in arms] + ["James' index"]
    notes = [
        f"{context.level} % confidence intervals. Bang: 0 for guesses at random, 1 if every guess was right, below 0 "
        "if the arm was taken for the other one. James: 0 if everyone knew, 0.5 at random, 1 if nobody could say.",
    ]
    return Table("blinding", "Blinding indices from the readers' guesses", [head], body, notes)
