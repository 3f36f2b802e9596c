"""When it is read: lock, unblind, export."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime, timezone

from SynthPerfLib.terminal import BAD_INPUT, run

from .words import opened, tell


def lock(options: argparse.Namespace) -> int:
    """Close the study for readers."""
    return _for_good(options, "lock")


def unblind(options: argparse.Namespace) -> int:
    """Open the code book and lock the reads."""
    return _for_good(options, "unblind")


def export(options: argparse.Namespace) -> int:
    """Write the tables."""
    from ..export import export_study

    study = opened(options)
    done = run(export_study(study, options.out, item=options.item, interim=options.interim), "study export")
    files = [str(path) for path in done.files]
    for note in done.notes:
        print(f"note: {note}", file=sys.stderr)
    simulated = " All answers are simulated." if study.simulated else ""
    result = {"files": files, "notes": list(done.notes), "simulated": study.simulated}
    return tell(options, result, f"{len(files)} files in {options.out}.{simulated}")


def _for_good(options: argparse.Namespace, step: str) -> int:
    """Lock or unblind, after saying what is missing; on a terminal only after a yes."""
    from ..overview import overview

    study = opened(options)
    study.code_book()
    with study.records() as log:
        found = overview(study, log, datetime.now(timezone.utc))
        left = f"{len(found.missing)} of {found.planned} readings are missing. " if found.missing else ""
        if not options.yes and sys.stdin.isatty():
            question = f"{left}To {step} the study cannot be undone. Type yes to go on: "
            print(question, end="", file=sys.stderr, flush=True)
            if sys.stdin.readline().strip().lower() != "yes":
                print("Nothing was changed.", file=sys.stderr)
                return BAD_INPUT
        payload = {"missing": len(found.missing), "planned": found.planned}
        event = log.lock(payload) if step == "lock" else log.unblind(payload)
    done = "The reads are locked" if step == "lock" else "The study is unblinded"
    result = {"event": event.seq, "utc": event.utc, **payload}
    return tell(options, result, f"{left}{done} (event {event.seq}).")
