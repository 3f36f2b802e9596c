"""Offline reading: a package for each reader out, what was read back in.

A package is one .zip with one folder: what the machine of a reader (or of a site's readers) may hold of the study,
never the sealed folder, and an empty record log whose birth names the study's last event, so that it can come from
nowhere else. ``manifest.json`` holds the SHA-256 of every file. The same study makes the same bytes. Unpacked, the
folder is read like a study, and comes back as it is.

When it comes back, every event of its log is appended to the study's as it was, with ``origin`` in its payload (see
:class:`~.records.Event`): the package's own chain stays whole and is verified with the study's. What a reader has
answered in both places is kept as ``conflict`` events, which count nowhere; the answer that was here first stands.
"""

from __future__ import annotations

import csv
import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from SynthPerfLib import __version__
from SynthPerfLib.errors import InputError
from SynthPerfLib.images import written_whole
from SynthPerfLib.jobs import Progress, Steps, part

from .records import Birth, Draft, Event, Head, Kind, Receipt, RecordLog, Role
from .study import LOG, Study

MANIFEST = "manifest.json"
RECEIPTS = "receipts"

_KINDS = frozenset(
    {
        Kind.READER_TRAINED,
        Kind.SESSION_OPENED,
        Kind.SESSION_CLOSED,
        Kind.ITEM_SHOWN,
        Kind.ANSWER,
        Kind.ROI,
        Kind.ITEM_FLAGGED,
        Kind.ITEM_SUBMITTED,
        Kind.BREAK_BEGAN,
        Kind.BREAK_ENDED,
        Kind.WASHOUT_OVERRIDDEN,
        Kind.ADJUDICATION_ANSWER,
    }
)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a .zip can hold: no file's own time goes into it


def make_package(study: Study, who: str, out: Path) -> Steps[Path]:
    """Write the package of a reader, or of all readers of a site; a job.

    Parameters
    ----------
    who
        A reader's id or a site of the protocol.
    out
        The .zip to write, or the folder to write ``<who>.zip`` in.

    Raises
    ------
    InputError
        If there is no such reader or site, or a reader has begun to read already: a package knows of no earlier
        answer and could not keep the washout.
    """
    readers = [reader.id for reader in study.protocol.reading if who in (reader.id, reader.site)]
    if not readers:
        known = sorted({name for reader in study.protocol.reading for name in (reader.id, reader.site) if name})
        raise InputError(f"There is no reader or site {who}: choose from {', '.join(known)}.")
    if out.is_dir():
        out = out / f"{who}.zip"
    with study.records() as log:
        for reader in readers:
            begun = next(log.events(reader=reader, kind=Kind.SESSION_OPENED), None)
            if begun is not None:
                raise InputError(
                    f"{reader} has begun to read in this study (event {begun.seq}): go on there, an offline package "
                    "would not know of it."
                )
        birth, head = log.birth, log.head()
    sums: dict[str, str] = {}
    folder = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in who)
    with written_whole(out) as temporary, zipfile.ZipFile(temporary, "w") as package:

        def add(name: str, content: bytes) -> None:
            package.writestr(zipfile.ZipInfo(f"{folder}/{name}", _EPOCH), content)
            sums[name] = hashlib.sha256(content).hexdigest()

        files = study.reader_files(*readers)
        for done, (name, source) in enumerate(sorted(files.items())):
            yield Progress(done / len(files), name)
            add(name, source if isinstance(source, bytes) else source.read_bytes())
        add(LOG, _empty_log(birth, head, study.form.protocol_sha256, readers))
        manifest = {
            "schema": 1,
            "study": birth.study,
            "protocol_sha256": study.form.protocol_sha256,
            "readers": readers,
            "parent": {"seq": head.seq, "hash": head.hash},
            "software": f"synthperf {__version__}",
            "files": dict(sums),
        }
        add(MANIFEST, (json.dumps(manifest, indent=2, sort_keys=True) + "\n").encode())
    return out


def _empty_log(birth: Birth, head: Head, protocol_sha256: str, readers: Sequence[str]) -> bytes:
    """The bytes of a log without an event."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / LOG
        RecordLog.create(
            path, birth.study, protocol_sha256, simulated=birth.simulated, parent=head.hash, readers=readers
        ).close()
        return path.read_bytes()


@dataclass(frozen=True)
class Conflict:
    """What one reader has answered here and in a package.

    ``item`` is the question or the region; ``here`` and ``there`` are the answers, ``event`` and ``other`` the numbers
    of their events in the study's log.
    """

    reader: str
    stimulus: str
    item: str
    here: str
    there: str
    event: int
    other: int


@dataclass
class Merged:
    """What a merge has done.

    Attributes
    ----------
    logs
        How many readers' logs were in the results.
    appended, known
        Events that were new, and that had been merged before.
    conflicts
        What was answered in both places and is kept apart.
    """

    logs: int = 0
    appended: int = 0
    known: int = 0
    conflicts: list[Conflict] = field(default_factory=list)

    @property
    def words(self) -> str:
        """One sentence."""
        if not self.appended and not self.known:
            return "Nothing new: this package holds no answers yet; nothing was changed."
        if not self.appended:
            return f"Nothing new: all {self.known} events of this package were merged before; nothing was changed."
        again = f", {self.known} had been merged before" if self.known else ""
        apart = f"; {len(self.conflicts)} answers are in conflict and do not count" if self.conflicts else ""
        return f"{self.appended} events merged{again}{apart}."


def merge(study: Study, results: Path) -> Steps[Merged]:
    """Append what was read offline to the study's log; a job.

    Nothing is ever overwritten. A package that was merged before adds only what is new in it; of several logs in
    ``results`` each is appended whole or not at all.

    Parameters
    ----------
    results
        The package's folder as it came back, a .zip of it, or its ``records.sqlite``.

    Raises
    ------
    InputError
        If it is no package of this study, or its log is not as it was written.
    """
    done = Merged()
    with _logs(results) as paths, study.records() as log:
        done.logs = len(paths)
        for number, path in enumerate(paths):
            start, stop = number / len(paths), (number + 1) / len(paths)
            yield from part(_merge_log(study, log, path, done), start, stop, f"{path.parent.name} ")
    return done


def _merge_log(study: Study, log: RecordLog, path: Path, done: Merged) -> Steps[None]:
    with RecordLog.open(path, study.form.protocol_sha256) as package:
        _check_birth(log, package, path)
        receipts = [Receipt.read(file) for file in sorted((path.parent / RECEIPTS).glob("*.json"))]
        verification = yield from part(package.verify(receipts), 0.0, 0.5)
        if not verification.ok:
            raise InputError(f"{path} was not merged: {verification.problems[0].words}; ask for an untouched copy.")
        events = list(package.events())
        birth = package.birth
    head = log.head()
    there = {event.hash for event in events}
    here: dict[tuple[Any, ...], Event] = {}
    known: set[str] = set()
    for reader in birth.readers:
        for event in log.events(reader=reader):
            source = event.payload.get("origin", {}).get("hash")
            if source in there:
                known.add(source)
            elif event.kind in _ANSWERS:
                here[_key(event)] = event
    new = [event for event in events if event.hash not in known]
    _check_events(study, new, path)
    torn = {(event.reader, event.stimulus) for event in new if event.kind in _ANSWERS and _key(event) in here}
    yield Progress(0.6, "append")
    done.known += len(known)
    if not new:
        return
    drafts = [_arriving(event, birth.hash, (event.reader, event.stimulus) in torn) for event in new]
    apart = sum(draft.kind is Kind.CONFLICT for draft in drafts)
    summary = {"log": birth.hash, "readers": list(birth.readers), "events": len(new), "conflicts": apart}
    drafts.append(Draft(Kind.MERGED, Role.COORDINATOR, {**summary, "head": new[-1].hash}))
    appended = log.extend(drafts, seen=head.seq)
    done.appended += len(new)
    done.conflicts += _pairs(here, appended)


_ANSWERS = frozenset({Kind.ANSWER, Kind.ROI, Kind.ADJUDICATION_ANSWER})


def _key(event: Event) -> tuple[Any, ...]:
    """What an answer is about."""
    about = ("item", "stage") if event.kind is not Kind.ROI else ("roi", "number", "map")
    return (event.reader, event.stimulus, *(event.payload.get(name) for name in about))


def _item(event: Event) -> str:
    """The same in words, for the report: the question, and the stage where there are several; the region."""
    payload = event.payload
    if event.kind is Kind.ROI:
        return f"{payload['roi']} {payload['number']} {payload['map']}"
    return payload["item"] + (f" (stage {payload['stage']})" if payload.get("stage", 1) > 1 else "")


def _check_birth(log: RecordLog, package: RecordLog, path: Path) -> None:
    ours, theirs = log.birth, package.birth
    if theirs.study != ours.study:
        raise InputError(f"{path} was not merged: it is of the study {theirs.study}, this is {ours.study}.")
    if theirs.simulated != ours.simulated:
        what = "simulated, this study is real" if theirs.simulated else "real, this study is a rehearsal"
        raise InputError(f"{path} was not merged: its answers are {what}; they are never mixed.")
    if not theirs.readers or not log.holds(theirs.parent):
        raise InputError(f"{path} was not merged: it is no package that was made from this study.")


def _check_events(study: Study, events: Iterable[Event], path: Path) -> None:
    planned = {(row.reader, row.stimulus) for row in study.allocation.rows}
    codes = {stimulus for _, stimulus in planned}
    hashes: dict[str, str] = {}
    for event in events:
        code = event.stimulus
        if event.kind not in _KINDS:
            complaint = f"{event.kind.value} is not a package's to write"
        elif code and (code not in codes or (event.role is Role.READER and (event.reader, code) not in planned)):
            complaint = f"stimulus {code} is not in the plan of {event.reader}"
        elif code and event.stimulus_sha256 != hashes.setdefault(code, _hash_of(study, code)):
            complaint = f"stimulus {code} was read on other images than the study's"
        else:
            continue
        raise InputError(f"{path} was not merged: at its event {event.seq}, {complaint}.")


def _hash_of(study: Study, code: str) -> str:
    """The stimulus's hash; empty in a rehearsal without images."""
    return study.stimulus(code).sha256 if (study.folder / "stimuli").is_dir() else ""


def _arriving(event: Event, log: str, conflict: bool) -> Draft:
    origin = {
        "log": log,
        "seq": event.seq,
        "utc": event.utc,
        "monotonic": event.monotonic,
        "kind": event.kind.value,
        "software": event.software,
        "previous": event.previous,
        "hash": event.hash,
    }
    return Draft(
        Kind.CONFLICT if conflict else event.kind,
        event.role,
        {**event.payload, "origin": origin},
        event.reader,
        event.session,
        event.stimulus,
        event.stimulus_sha256,
    )


def conflicts(log: RecordLog) -> list[Conflict]:
    """All conflicts of a log: the last answer in either place."""
    here: dict[tuple[Any, ...], Event] = {}
    apart: list[Event] = []
    for event in log.events():
        if event.kind in _ANSWERS:
            here[_key(event)] = event
        elif event.kind is Kind.CONFLICT:
            apart.append(event)
    return _pairs(here, apart)


def _pairs(here: dict[tuple[Any, ...], Event], events: Sequence[Event]) -> list[Conflict]:
    there = {
        _key(event.original()): event
        for event in events
        if event.kind is Kind.CONFLICT and event.original().kind in _ANSWERS
    }
    return [
        Conflict(
            event.reader,
            event.stimulus,
            _item(event.original()),
            _said(here[key]) if key in here else "",
            _said(event),
            here[key].seq if key in here else 0,
            event.seq,
        )
        for key, event in there.items()
    ]


def _said(event: Event) -> str:
    """The answer for a table; of a region its hash, shortened."""
    payload = event.payload
    if "sha256" in payload:
        return str(payload["sha256"])[:12]
    if payload.get("not_assessable"):
        return f"NA:{payload['not_assessable']}"
    return "" if payload.get("value") is None else str(payload["value"])


def write_conflicts(found: Sequence[Conflict], path: Path) -> None:
    """Write the conflict report: a table reader, stimulus, item, here, there, event, other."""
    with written_whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(Conflict.__dataclass_fields__)
        table.writerows(vars(conflict).values() for conflict in found)


@contextmanager
def _logs(results: Path) -> Iterator[list[Path]]:
    """The record logs of what came back."""
    if results.is_dir():
        found = sorted((*results.glob(LOG), *results.glob(f"*/{LOG}")))
        if not found:
            raise InputError(f"{results} holds no {LOG}: give the folder of the package, or a .zip of it.")
        yield found
    elif results.is_file() and zipfile.is_zipfile(results):
        with tempfile.TemporaryDirectory() as folder:
            yield _unpacked(results, Path(folder))
    elif results.is_file():
        yield [results]
    else:
        raise InputError(f"{results} is not there: give the folder of the package, or a .zip of it.")


def _unpacked(results: Path, folder: Path) -> list[Path]:
    """The logs and receipts of a .zip, each log in a folder of its own; nothing else of it is taken out."""
    logs: list[Path] = []
    with zipfile.ZipFile(results) as archive:
        names = archive.namelist()
        for number, name in enumerate(sorted(name for name in names if PurePosixPath(name).name == LOG)):
            parent = PurePosixPath(name).parent
            target = folder / str(number) / (parent.name or results.stem)
            (target / RECEIPTS).mkdir(parents=True)
            for other in names:
                path = PurePosixPath(other)
                try:
                    if path.parent == parent and path.name in (LOG, f"{LOG}-wal"):
                        (target / path.name).write_bytes(archive.read(other))
                    elif path.parent == parent / RECEIPTS and path.suffix == ".json":
                        (target / RECEIPTS / path.name).write_bytes(archive.read(other))
                except (zipfile.BadZipFile, OSError) as error:
                    raise InputError(f"{results} is damaged at {other} ({error}): ask for it again.") from None
            logs.append(target / LOG)
    if not logs:
        raise InputError(f"{results} holds no {LOG}: give the package as it came back.")
    return logs
