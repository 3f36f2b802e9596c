"""While it is read: status, verify, allow, merge, adjudicate."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone

from SynthPerfLib.errors import InputError
from SynthPerfLib.terminal import DONE, FAILED_CHECK, run

from .words import aligned, opened, tell


def status(options: argparse.Namespace) -> int:
    """Show the progress of every reader."""
    from ..overview import overview

    study = opened(options)
    with study.records() as log:
        found = overview(study, log, datetime.now(timezone.utc))
    lines = [f"{found.title}{' (simulated)' if found.simulated else ''}: study {found.study}, {found.events} events"]
    lines += aligned(
        ("reader", "session", "read", "of", "state", "last", "active min", ""),
        (
            (r.reader, r.session or "practice", r.read, r.stimuli, r.state, r.last, f"{r.active_minutes:g}", r.refusal)
            for r in found.sessions
        ),
    )
    missing = f"{len(found.missing)} of {found.planned}" if found.missing else "No"
    lines.append(f"{missing} readings are missing, {found.not_assessable} answers are 'not assessable'.")
    if found.unblinded:
        lines.append(f"The study is unblinded (event {found.unblinded}).")
    elif found.locked:
        lines.append(f"The reads are locked (event {found.locked}).")
    return tell(options, found.as_json(), *lines)


def verify(options: argparse.Namespace) -> int:
    """Check all that the study folder holds."""
    from ..records import Receipt
    from ..verify import verify_study

    try:
        study = opened(options)
    except InputError as error:
        if not (options.study / "study.yaml").is_file():
            raise
        tell(options, {"ok": False, "problems": [{"event": 0, "words": str(error)}]}, str(error))
        return FAILED_CHECK
    kept = sorted((study.folder / "receipts").glob("*.json"))
    found = run(verify_study(study, [Receipt.read(path) for path in (*kept, *options.receipt)]), "study verify")
    result = {
        "ok": found.ok,
        "events": found.events,
        "head": found.head,
        "problems": [{"event": problem.seq, "words": problem.words} for problem in found.problems],
        "problem_count": found.problem_count,
        "notes": [{"event": note.seq, "words": note.words} for note in found.notes],
        "receipts": len(kept) + len(options.receipt),
    }
    lines = [f"note: {note.words}." for note in found.notes] + [f"{problem.words}." for problem in found.problems]
    if found.ok:
        lines.append(f"{found.events} events and {result['receipts']} receipts are as they were written.")
    else:
        lines.append(f"{found.problem_count} problems in {found.events} events: the study is not as it was written.")
    tell(options, result, *lines)
    return DONE if found.ok else FAILED_CHECK


def allow(options: argparse.Namespace) -> int:
    """Let a reader open a session before the washout has passed."""
    from ..session import override_washout

    study = opened(options)
    with study.records() as log:
        override_washout(study, log, options.reader, options.session, options.reason)
    result = {"reader": options.reader, "session": options.session, "reason": options.reason}
    return tell(options, result, f"{options.reader} may open session {options.session}; the reason is in the record.")


def merge(options: argparse.Namespace) -> int:
    """Take in what was read offline."""
    from ..packages import conflicts, merge, write_conflicts

    study = opened(options)
    merged = []
    for path in options.results:
        done = run(merge(study, path), f"study merge {path.name}")
        merged.append({"results": str(path), "logs": done.logs, "appended": done.appended, "known": done.known})
        if not options.json:
            print(f"{path}: {done.words}")
    with study.records() as log:
        found = conflicts(log)
    if options.conflicts is not None:
        write_conflicts(found, options.conflicts)
    lines = aligned(
        ("reader", "stimulus", "item", "here", "there", "event", "other"),
        ((c.reader, c.stimulus, c.item, c.here, c.there, c.event, c.other) for c in found),
    )
    result = {"merged": merged, "conflicts": [vars(conflict) for conflict in found]}
    return tell(options, result, *(lines if found else ["No answer is in conflict."]))


def adjudicate(options: argparse.Namespace) -> int:
    """Give out what the readers disagree on."""
    from ..adjudication import begin_adjudication

    study = opened(options)
    with study.records() as log:
        event = begin_adjudication(study, log, options.reader)
    result = {"reader": event.reader, "stimuli": len(event.payload["order"]), "event": event.seq}
    return tell(options, result, f"{result['stimuli']} stimuli are given to {event.reader} to decide.")
