"""What a coordinator does and sees, the same in every seat: the plan before it is fixed, progress, lock, unblinding."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from SynthPerfLib.cohort import Cohort
from SynthPerfLib.errors import InputError
from SynthPerfLib.jobs import Steps

from .material import Material
from .overview import Overview, overview
from .planning import plan
from .protocol import Protocol, load_protocol, with_readers
from .records import Clock, Event, RecordLog
from .study import Study


@dataclass(frozen=True)
class Grid:
    """A table of texts."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def create(
    protocol: str | Path,
    cohort: Path,
    out: Path,
    readers: Sequence[str] = (),
    seed: int | None = None,
    bundle: str = "",
) -> Steps[Study]:
    """As :meth:`.Study.create`, with other readers than the protocol's if any are given."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = with_readers(protocol, readers, Path(folder)) if readers else protocol
        return (yield from Study.create(chosen, cohort, out, seed=seed, bundle=bundle or None))


def balance(protocol: str | Path, cohort: Path, readers: Sequence[str], seed: int, bundle: str = "") -> Grid:
    """Who would read how much of what, before anything is fixed: a row for each session of each reader, a column for
    each condition and truth.

    Raises
    ------
    InputError
        As :meth:`.Study.create`.
    """
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_protocol(with_readers(protocol, readers, Path(folder)) if readers else protocol)
    material = Material.of(loaded.protocol, Cohort.open(cohort), cohort, bundle or None)
    reads = plan(loaded.protocol, material.subjects, seed)
    truth = {subject.id: subject.truth for subject in material.subjects}
    kinds = sorted({(" then ".join(read.arms), truth[read.case]) for read in reads})
    counts: dict[tuple[str, int], Counter[tuple[str, str]]] = {}
    for read in reads:
        counts.setdefault((read.reader, read.session), Counter())[" then ".join(read.arms), truth[read.case]] += 1
    columns = ("Reader", "Session", "Readings", *(f"{arm}\n{word}".strip().replace("_", " ") for arm, word in kinds))
    rows = tuple(
        (reader, str(session or "practice"), str(sum(found.values())), *(str(found[kind]) for kind in kinds))
        for (reader, session), found in counts.items()
    )
    return Grid(columns, rows)


def preview(protocol: Protocol) -> str:
    """What a protocol asks and shows, in words."""
    design = protocol.design
    lines = [protocol.title, "", protocol.instructions, "", "Conditions"]
    for arm in protocol.arms:
        rows = " / ".join(", ".join(row) for row in arm.layout)
        lines.append(f"  {arm.title}: {rows}")
    if protocol.questions:
        lines += ["", "Questions", *(f"  {question.text}" for question in protocol.questions)]
    if protocol.rois:
        lines += ["", "Regions", *(f"  {roi.title}: {roi.count} x {_shape(roi)}" for roi in protocol.rois)]
    washout = f", {design.washout_days} days between two readings of one patient" if design.washout_days else ""
    lines += ["", f"{design.kind.replace('_', ' ')}, {design.sessions} sessions{washout}"]
    lines.append(f"Readers: {', '.join(reader.id for reader in protocol.reading)}")
    if protocol.analysis is not None:
        primary = protocol.analysis.primary
        lines.append(f"Primary endpoint: {primary.figure_of_merit} of {primary.item}, {' minus '.join(primary.arms)}")
    return "\n".join(lines)


def sessions(found: Overview) -> Grid:
    """Every session of every reader, and from when those that wait may begin."""
    rows = [
        (
            row.reader,
            str(row.session or "practice"),
            f"{row.read} of {row.stimuli}",
            row.state,
            row.last.replace("T", " ").removesuffix("Z"),
            f"{row.active_minutes:g}",
            row.refusal,
        )
        for row in found.sessions
    ]
    return Grid(("Reader", "Session", "Read", "State", "Last (UTC)", "Minutes", "Waits for"), tuple(rows))


def cases(study: Study, found: Overview) -> Grid:
    """Every patient under every condition, for every reader: read, missing, or not planned. Not for readers' eyes.

    Raises
    ------
    InputError
        In a reader's copy.
    """
    book, missing = study.code_book(), {(reader, code) for reader, _, code in found.missing}
    cells: dict[tuple[str, str, int], dict[str, str]] = {}
    for row in study.allocation.rows:
        if not row.practice:
            entry = book.entry(row.stimulus)
            words = f"missing, session {row.session}" if (row.reader, row.stimulus) in missing else "read"
            cells.setdefault((entry.case, " then ".join(entry.arms), entry.repeat), {})[row.reader] = words
    readers = study.allocation.readers
    rows = [
        (case, arm + (" (again)" if repeat > 1 else ""), *(here.get(reader, "") for reader in readers))
        for (case, arm, repeat), here in sorted(cells.items())
    ]
    return Grid(("Patient", "Condition", *readers), tuple(rows))


def lock(study: Study, log: RecordLog) -> Event:
    """Close the study for readers, for good."""
    study.code_book()
    return log.lock(_counts(study, log))


def unblind(study: Study, log: RecordLog, reason: str) -> Event:
    """Open the code book, and lock the reads, for good.

    Raises
    ------
    InputError
        If there is no reason.
    """
    if not reason.strip():
        raise InputError("Unblinding needs a reason; it stands in the record.")
    study.code_book()
    return log.unblind({**_counts(study, log), "reason": reason.strip()})


def _counts(study: Study, log: RecordLog) -> dict[str, int]:
    found = overview(study, log, Clock().utc())
    return {"missing": len(found.missing), "planned": found.planned}


def _shape(roi: object) -> str:
    area = getattr(roi, "area_cm2", None)
    return f"disc of {area:g} cm²" if area else "free-hand"
