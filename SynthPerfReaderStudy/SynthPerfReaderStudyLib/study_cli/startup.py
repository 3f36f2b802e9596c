"""From a protocol to what is sent out: create, add-cases, package, rehearse, schema."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from SynthPerfLib.terminal import DONE, run

from .words import listed, numbers, opened, tell


def create(options: argparse.Namespace) -> int:
    """Make a study."""
    from ..protocol import with_readers
    from ..study import LOG, Study

    with tempfile.TemporaryDirectory() as folder:
        protocol = options.protocol
        if options.readers is not None:
            protocol = with_readers(protocol, listed(options.readers, "--readers"), Path(folder))
        steps = Study.create(
            protocol,
            options.cohort,
            options.out,
            seed=options.seed,
            bundle=options.model,
            maps=options.maps,
            records=options.records or LOG,
            stimuli=not options.without_stimuli,
        )
        study = run(steps, "study create")
    allocation, book = study.allocation, study.code_book()
    cases = {entry.case for entry in book.entries.values() if not entry.practice}
    result = {
        "study": str(study.folder),
        "id": study.id,
        "seed": study.about["seed"],
        "cases": len(cases),
        "readers": list(allocation.readers),
        "readings": sum(not row.practice for row in allocation.rows),
        "stimuli": not options.without_stimuli,
    }
    without = " Without stimuli it can be rehearsed, not read." if options.without_stimuli else ""
    return tell(
        options,
        result,
        f"{study.folder}: {len(cases)} cases, {len(allocation.readers)} readers, {result['readings']} readings, "
        f"seed {result['seed']}.{without}",
    )


def add_cases(options: argparse.Namespace) -> int:
    """Append the new cases of a cohort."""
    study = opened(options)
    before = len(study.allocation.rows)
    study = run(study.add_cases(options.cohort, maps=options.maps), "study add-cases")
    batch = study.about["batches"][-1]
    added = len(study.allocation.rows) - before
    result = {"cases": batch["cases"], "readings": added}
    return tell(options, result, f"{batch['cases']} cases added: {added} readings at the end of the lists.")


def package(options: argparse.Namespace) -> int:
    """Make the package with which a reader, or a site, reads offline."""
    from ..packages import make_package

    path = run(make_package(opened(options), options.reader, options.out), "study package")
    return tell(options, {"package": str(path)}, f"{path}: for {options.reader} to unpack, read, and send back.")


def rehearse(options: argparse.Namespace) -> int:
    """Let simulated readers read the whole study."""
    from ..rehearsal import Ability, rehearse

    study = opened(options)
    arms, auc = numbers(options.auc, "--auc")
    own = {name: numbers(getattr(options, name), f"--{name}") for name in ("bias", "drift", "missing")}
    common = {name: value or 0.0 for name, (_, value) in own.items()}
    general = Ability(auc=0.8 if auc is None else auc, by_arm=arms, **common)
    readers = {}
    for reader in dict.fromkeys(reader for named, _ in own.values() for reader in named):
        changed = {name: named[reader] for name, (named, _) in own.items() if reader in named}
        readers[reader] = Ability(**{**vars(general), **changed})
    steps = rehearse(study, options.out, seed=options.seed, ability=general, readers=readers)
    done = run(steps, "study rehearse")
    with done.records() as log:
        events = log.head().seq
    result = {"study": str(done.folder), "id": done.id, "events": events, "simulated": True}
    return tell(options, result, f"{done.folder}: read by simulated readers, {events} events, the reads are locked.")


def schema(_options: argparse.Namespace) -> int:
    """Print the JSON schema of a protocol."""
    from ..protocol import json_schema

    print(json.dumps(json_schema(), indent=2))
    return DONE
