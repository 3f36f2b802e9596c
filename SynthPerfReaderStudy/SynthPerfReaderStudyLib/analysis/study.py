"""From a study folder to its analysis: by the protocol, after the reads are locked."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SynthPerfLib.errors import InputError
from SynthPerfLib.jobs import Progress, Steps, part

from ..ratings import RATINGS_COLUMNS, Ratings, Truth, read_ratings, read_truth
from .compare import comparison
from .design import positives
from .diagnostic import diagnostic
from .guesses import guessed_arms
from .reading_times import Visit, reading_times
from .regions import compare_maps, region_ratings
from .rows import Rows
from .run import Analysis, analyse_ratings, analyse_tables
from .settings import Settings

if TYPE_CHECKING:
    from ..protocol import Protocol
    from ..reading import Submissions
    from ..records import Event
    from ..study import Study


def analyse_study(folder: Path, out: Path, *, seed: int = 0, interim: bool = False) -> Steps[Analysis]:
    """Everything that the study's protocol and records allow.

    The answers are written to ``out/data`` (ratings.csv, rois.csv, adjudicated.csv) and analysed from there, so that
    anyone can do it again from the tables.

    Parameters
    ----------
    folder
        The coordinator's study folder.
    seed
        Start of the random numbers of every bootstrap.
    interim
        Analyse although the reads are not locked; the result, and every data file's name, says so (as it does of
        simulated readers).

    Raises
    ------
    InputError
        If the reads are not locked and ``interim`` was not asked for, or nothing was submitted yet.
    """
    from ..export.tables import write_ratings, write_rois
    from ..reading import submitted
    from ..study import Study

    study = Study.open(folder)
    protocol = study.protocol
    with study.records() as log:
        standing, head, birth = log.standing(), log.head(), log.birth
        if not standing.locked and not interim:
            raise InputError(
                "The reads are not locked yet, and the results would tell the arms: lock or unblind the study first, "
                "or ask for an interim analysis with --interim."
            )
        yield Progress(0.0, "records")
        found = submitted(study, log)
        if not found:
            raise InputError("No reader has submitted anything yet: there is nothing to analyse.")
        events = list(log.events())
        data = out / "data"
        start = ("simulated_" if birth.simulated else "") + ("" if standing.locked else "interim_")
        consensus = _adjudicated(study, log, data / f"{start}adjudicated.csv")
    truth = None
    if protocol.truth is not None:
        truth = replace(read_truth(folder / "sealed" / "truth.csv"), word=protocol.truth.positive)
    settings = _settings(protocol, seed)
    answers = data / f"{start}ratings.csv"
    write_ratings(study, found, answers)
    ratings = None
    if len(answers.read_text(encoding="utf-8").splitlines()) > 1:  # none where only remarks were asked for
        ratings = read_ratings(answers, None if truth is None else truth.positive)
    scored = None if ratings is None else _scored(ratings, protocol)
    done = yield from part(analyse_tables(scored, truth, None, settings), 0.2, 0.7)
    guess = protocol.blinding.guess_arm
    if ratings is not None and guess is not None and guess in ratings.items:
        guessed_arms(ratings, ratings.items[guess], settings, done.rows)
    else:
        done.rows.skip("the readers were not asked to guess the arm", "blinding")
    done.protocol, done.visits = protocol, _visits(study, events)
    reading_times(done.visits, settings, done.rows)
    if study.form.rois:
        write_rois(study, found, data / f"{start}rois.csv")
        tasks = [task.id for task in study.form.rois]
        measured = region_ratings(data / f"{start}rois.csv", tasks, data / f"{start}roi_ratings.csv")
        if measured is not None:
            done.regions, done.facts["regions"] = measured
            done.read(done.regions.path)
            yield from part(analyse_ratings(done, done.regions, truth), 0.7, 0.9)
            compare_maps(done.regions, settings, done.rows)
    if consensus is not None:
        done.read(consensus.path)
        _consensus(consensus, truth, settings, done.rows)
    done.inputs["protocol.yaml"] = study.form.protocol_sha256
    done.facts |= {
        "interim": not standing.locked,
        "simulated": birth.simulated,
        "study": {
            "id": study.id,
            "title": protocol.title,
            "protocol_sha256": study.form.protocol_sha256,
            "log": {"events": head.seq, "hash": head.hash},
            "unblinded": bool(standing.unblinded),
        },
        "endpoints": _endpoints(protocol),
        "flow": _flow(study, found, events),
    }
    return done


def _settings(protocol: Protocol, seed: int) -> Settings:
    """What the protocol fixes: level, scales, margin and the arm that it is about."""
    scales: dict[str, tuple[float, float]] = {}
    for question in protocol.questions:
        if question.kind == "likert":
            scales[question.id] = (float(min(question.anchors)), float(max(question.anchors)))
        elif question.kind == "confidence":
            scales[question.id] = (0.0, 100.0)
    plan = protocol.analysis
    if plan is None:
        return Settings(seed=seed, scales=scales)
    of_auc = plan.primary.figure_of_merit == "auc" and len(plan.primary.arms) == 2
    return Settings(
        level=1 - plan.alpha,
        seed=seed,
        scales=scales,
        margin=plan.noninferiority_margin if of_auc else None,
        reference=plan.primary.arms[1] if of_auc else None,
    )


def _scored(ratings: Ratings, protocol: Protocol) -> Ratings | None:
    """Without remarks and guesses of the arm; None if nothing is left."""
    aside = {question.id for question in protocol.questions if question.kind == "text"}
    items = {name: item for name, item in ratings.items.items() if name not in aside | {protocol.blinding.guess_arm}}
    return replace(ratings, items=items) if items else None


def _endpoints(protocol: Protocol) -> list[dict[str, Any]]:
    plan = protocol.analysis
    if plan is None:
        return []
    named = [("primary", plan.primary), *(("secondary", endpoint) for endpoint in plan.secondary)]
    return [{"kind": kind, **endpoint.model_dump(mode="json")} for kind, endpoint in named]


def _visits(study: Study, events: list[Event]) -> list[Visit]:
    """The submitted reads in the order of their submission, practice left out; of a second submission the last."""
    from ..records import Kind, Role

    book, planned = study.code_book(), {(row.reader, row.stimulus): row for row in study.allocation.rows}
    found: dict[tuple[str, str], Visit] = {}
    for event in events:
        row = planned.get((event.reader, event.stimulus))
        if event.kind is not Kind.ITEM_SUBMITTED or event.role is not Role.READER or row is None or row.practice:
            continue
        entry = book.entry(event.stimulus)
        arm = entry.arms[0] if len(entry.arms) == 1 else None
        active, idle = float(event.payload["active_s"]), float(event.payload["idle_s"])
        found.pop((event.reader, event.stimulus), None)
        found[event.reader, event.stimulus] = Visit(
            event.reader, entry.case, arm, entry.repeat, row.session, active, idle
        )
    return list(found.values())


def _flow(study: Study, found: Submissions, events: list[Event]) -> dict[str, Any]:
    """Planned and submitted reads of each reader, cases read as planned, and what happened on the way."""
    book = study.code_book()
    rows = [row for row in study.allocation.rows if not row.practice]
    planned = Counter(row.reader for row in rows)
    submitted = Counter(row.reader for row in rows if (row.reader, row.stimulus) in found)
    cases = {row.stimulus: book.entry(row.stimulus).case for row in rows}
    lacking = {cases[row.stimulus] for row in rows if (row.reader, row.stimulus) not in found}
    kinds = Counter(event.kind.value for event in events)
    return {
        "cases": len(set(cases.values())),
        "cases_read_as_planned": len(set(cases.values()) - lacking),
        "practice_stimuli": len({row.stimulus for row in study.allocation.rows if row.practice}),
        "readers": [
            {"reader": reader, "planned": planned[reader], "submitted": submitted[reader]} for reader in sorted(planned)
        ],
        "sessions_opened": kinds["session.opened"],
        "washout_overrides": kinds["washout.overridden"],
        "conflicts": kinds["conflict"],
    }


def _adjudicated(study: Study, log: Any, path: Path) -> Ratings | None:
    """What holds after adjudication, as the ratings of a reader "consensus"; None where nothing was decided."""
    from ..adjudication import CONSENSUS, OPEN, decisions
    from ..export.tables import write_csv

    if study.protocol.adjudication is None:
        return None
    book = study.code_book()
    rows = []
    for decision in decisions(study, log):
        entry = book.entry(decision.stimulus)
        if decision.by != OPEN:
            rows.append((CONSENSUS, entry.case, entry.arms[-1], decision.item, decision.value))
    if not rows:
        return None
    write_csv(path, RATINGS_COLUMNS, sorted(rows))
    return read_ratings(path)


def _consensus(ratings: Ratings, truth: Truth | None, settings: Settings, rows: Rows) -> None:
    """The adjudicated answers against the truth, and their arms against one another."""
    comparison(ratings, settings, rows)
    if truth is not None:
        diagnostic(ratings, positives(ratings, truth), truth.word, settings, rows)
