"""What leaves a study: its tables, and files for the programs for MRMC analysis."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from SynthPerfLib import __version__
from SynthPerfLib.errors import InputError
from SynthPerfLib.images import write_json, written_whole
from SynthPerfLib.jobs import Progress, Steps

from ..libraries import WORKBOOK, require
from ..ratings import read_ratings, read_truth
from ..reading import submitted
from ..study import Study
from .programs import write_imrmc, write_mrmcaov, write_rjafroc
from .scores import Scores
from .tables import write_decisions, write_events, write_ratings, write_rois

__all__ = ["Export", "Scores", "export_study", "export_tables", "write_imrmc", "write_mrmcaov", "write_rjafroc"]


@dataclass(frozen=True)
class Export:
    """What was written, and what its user should know (a file that could not be made, cases left out)."""

    files: tuple[Path, ...]
    notes: tuple[str, ...]


def export_study(study: Study, out: Path, *, item: str | None = None, interim: bool = False) -> Steps[Export]:
    """Write everything a study holds into a folder; a job.

    ``ratings.csv``, ``truth.csv``, ``rois.csv``, ``decisions.csv``, ``events.jsonl``; with a truth also
    ``imrmc.csv``, ``imrmc.imrmc``, ``mrmcaov.csv``, ``rjafroc.xlsx`` with ``rjafroc_key.csv``; ``export.json`` says
    from which state of the record it was made. The name of every file begins with ``simulated_`` where simulated
    readers wrote it.

    Parameters
    ----------
    item
        The score for the MRMC programs: that of the primary endpoint by default.
    interim
        Whether the study is still being read: every file's name then begins with ``interim_``.

    Raises
    ------
    InputError
        If the reads are not locked and ``interim`` was not asked for: the tables name the arms.
    DependencyError
        If openpyxl is not installed, and the study has a truth.
    """
    has_truth = study.protocol.truth is not None
    if has_truth and study.form.questions:
        require(*WORKBOOK)
    with study.records() as log:
        standing, head, birth = log.standing(), log.head(), log.birth
        if not standing.locked and not interim:
            raise InputError(
                "The reads are not locked yet, and the tables name the arms: lock or unblind the study first, "
                "or ask for an interim export."
            )
        start = ("simulated_" if birth.simulated else "") + ("" if standing.locked else "interim_")

        def path(name: str) -> Path:
            return out / f"{start}{name}"

        yield Progress(0.0, "events")
        write_events(log, path("events.jsonl"))
        yield Progress(0.3, "ratings")
        found = submitted(study, log)
        files = [path("events.jsonl")]
        if study.protocol.adjudication is not None:
            write_decisions(study, log, path("decisions.csv"))
            files.append(path("decisions.csv"))
    notes: list[str] = []
    if study.form.questions:
        write_ratings(study, found, path("ratings.csv"))
        files.append(path("ratings.csv"))
    if study.form.rois:
        write_rois(study, found, path("rois.csv"))
        files.append(path("rois.csv"))
    sealed = study.folder / "sealed" / "truth.csv"
    if has_truth:
        with written_whole(path("truth.csv")) as temporary:
            temporary.write_bytes(sealed.read_bytes())
        files.append(path("truth.csv"))
    if has_truth and study.form.questions:
        yield Progress(0.6, "MRMC programs")
        analysis = study.protocol.analysis
        if item is None and analysis is not None and analysis.primary.item in {q.id for q in study.form.questions}:
            item = analysis.primary.item
        try:
            more = export_tables(path("ratings.csv"), path("truth.csv"), out, item=item, start=start)
            files += more.files
            notes += more.notes
        except InputError as error:
            notes.append(f"No files for the MRMC programs: {error}")
    write_json(
        {
            "schema": 1,
            "study": birth.study,
            "software": f"synthperf {__version__}",
            "protocol_sha256": study.form.protocol_sha256,
            "head": {"seq": head.seq, "hash": head.hash},
            "interim": not standing.locked,
            "simulated": birth.simulated,
            "files": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
            "notes": notes,
        },
        path("export.json"),
    )
    return Export((*files, path("export.json")), tuple(notes))


def export_tables(
    ratings: Path, truth: Path, out: Path, *, item: str | None = None, positive: str | None = None, start: str = ""
) -> Export:
    """Write the files for the MRMC programs from ``ratings.csv`` and ``truth.csv``.

    Parameters
    ----------
    item
        The score; may be left away if only one item has numbers.
    positive
        The word of the truth that means 1.
    start
        What every file's name begins with.

    Raises
    ------
    InputError
        If the tables are wrong, or no item can be meant.
    """
    known = read_truth(truth, positive)
    scores = Scores.of(read_ratings(ratings, known.positive), known, item)
    imrmc, application = out / f"{start}imrmc.csv", out / f"{start}imrmc.imrmc"
    mrmcaov, workbook, key = out / f"{start}mrmcaov.csv", out / f"{start}rjafroc.xlsx", out / f"{start}rjafroc_key.csv"
    files, notes = [imrmc, application, mrmcaov], [f"The score is {scores.item}."]
    write_imrmc(scores, imrmc, application)
    write_mrmcaov(scores, mrmcaov)
    try:
        left_out = write_rjafroc(scores, workbook, key)
        files += [workbook, key]
        if left_out:
            notes.append(
                f"RJafroc takes complete cases only: {len(left_out)} of {len(scores.truth)} were left out "
                f"({', '.join(left_out[:5])}{', ...' if len(left_out) > 5 else ''})."
            )
    except InputError as error:
        notes.append(str(error))
    return Export(tuple(files), tuple(notes))
