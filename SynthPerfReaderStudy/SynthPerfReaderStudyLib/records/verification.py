"""The check of a whole log, and the receipts it is compared with."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.engine import URL, Engine
from SynthPerfLib.errors import InputError
from SynthPerfLib.images import write_json
from SynthPerfLib.jobs import Progress, Steps

from . import database, wal
from .database import EVENTS
from .events import Birth, Event, Standing, digest, read_utc

_LISTED = 100
_PER_STEP = 2000


@dataclass(frozen=True)
class Receipt:
    """What a reader and the site keep at the end of a session: the log had ``head`` as its event ``seq``.

    Parameters
    ----------
    study, log
        The study's id, and the hash of the birth of the log (the study's own, or an offline package's).
    reader, session
        Whose it is.
    seq, head
        The number and the hash of the last event there was.
    utc
        When the receipt was given.
    """

    study: str
    log: str
    reader: str
    session: str
    seq: int
    head: str
    utc: str

    def write(self, path: Path) -> None:
        """As JSON."""
        write_json(asdict(self), path)

    @classmethod
    def read(cls, path: Path) -> Receipt:
        """A written receipt.

        Raises
        ------
        InputError
            If the file is none.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if all(isinstance(value, int if name == "seq" else str) for name, value in content.items()):
                return cls(**content)
        except (OSError, ValueError, TypeError, AttributeError):
            pass  # told below
        raise InputError(f"{path} is not a receipt of a reading session; give the JSON file that was kept.")


@dataclass(frozen=True)
class Finding:
    """Something found at event ``seq`` (0: the log as a whole), in one sentence."""

    seq: int
    words: str


@dataclass
class Verification:
    """What a check of a whole log found.

    ``problems`` say that the log is not as it was written; ``notes`` say what its reader should know (a clock that was
    set back). The first hundred of each are listed, all are counted.
    """

    events: int = 0
    head: str = ""
    problems: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    problem_count: int = 0
    note_count: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing was changed, lost, moved or put in."""
        return not self.problem_count

    def problem(self, seq: int, words: str) -> None:
        """Add one."""
        self.problem_count += 1
        if len(self.problems) < _LISTED:
            self.problems.append(Finding(seq, words))

    def note(self, seq: int, words: str) -> None:
        """Add one."""
        self.note_count += 1
        if len(self.notes) < _LISTED:
            self.notes.append(Finding(seq, words))


def verified(url: URL, protocol_sha256: str, receipts: Sequence[Receipt]) -> Steps[Verification]:
    """Check a log from its first event to its last; a job.

    Found are: an event whose text or hash was changed, is missing, was moved or put in; one that was replaced together
    with its own hash; one that its writer's role or a one-way step does not allow; real among simulated events; events
    that came with a package and are not as they were there; a database whose protection was taken away or whose file is
    damaged. A log that was written anew from some event on, or cut off at its end, is consistent in itself: only a
    receipt that was kept elsewhere shows it.

    Raises
    ------
    InputError
        If the database cannot be reached.
    """
    result = Verification()
    check = _Check(result, protocol_sha256, receipts)
    if database.is_file(url):
        log = database.wal_of(database.path_of(url))
        if wal.damaged(log):
            result.problem(
                0, f"{log} was cut off or changed: what was written last cannot be read; compare with the receipts"
            )
    engine = database.connected(url, write=False)
    try:
        with database.told(url), engine.begin() as connection:
            missing = database.unprotected(connection)
            if missing:
                result.problem(0, f"the protection of the table was changed: {missing}")
            total = connection.execute(select(func.max(EVENTS.c.seq))).scalar() or 1
            rows = connection.execution_options(yield_per=_PER_STEP).execute(select(EVENTS).order_by(EVENTS.c.seq))
            for page in rows.partitions():
                for seq, text, hash_ in page:
                    check.row(seq, text, hash_)
                yield Progress(min(0.95 * result.events / total, 0.95), f"{result.events} events")
            found = database.damage(connection)
        if found:
            result.problem(check.expected, f"{database.named(url)} is damaged where no event is ({found[:200]})")
    except InputError as error:
        if not database.is_file(url) or not os.access(database.path_of(url), os.R_OK):
            raise  # nothing is wrong with the log; it cannot be reached
        check.one_by_one(url, engine)
        cause, last = str(error).partition(";")[0].partition(":")[0].rstrip("."), check.expected - 1
        result.problem(check.expected, f"{cause}: it can be read {f'up to event {last}' if last > 0 else 'nowhere'}")
    finally:
        engine.dispose()
    check.end()
    return result


class _Check:
    """Takes the rows one by one."""

    def __init__(self, result: Verification, protocol_sha256: str, receipts: Sequence[Receipt]) -> None:
        self.result = result
        self.expected = 0
        self._protocol = protocol_sha256
        self._birth: Birth | None = None
        self._before: set[str] = set()  # what the next event may name as previous; empty: already told
        self._utc = ""
        self._standing = Standing()
        self._merged: set[str] = set()
        self._confirmed = 0
        self._receipts = sorted(receipts, key=lambda receipt: receipt.seq)
        self._due = list(self._receipts)

    def row(self, seq: Any, text: Any, hash_: Any) -> None:
        """Check what is stored at ``seq``."""
        if seq != self.expected:
            self._gap(seq)
        self.expected = seq + 1
        whole = isinstance(text, str) and isinstance(hash_, str)
        computed = digest(text) if whole else ""
        if computed != hash_:
            self.result.problem(seq, f"event {seq} was changed after it was written" if seq else _BIRTH_CHANGED)
            following = {computed, str(hash_)}
        else:
            following = {computed} if self._content(seq, text, hash_) else set()
        if seq:
            self.result.events += 1
            self.result.head = str(hash_)
        self._compare(seq, computed)
        self._before = following

    def one_by_one(self, url: URL, engine: Engine) -> None:
        """Go on up to the first event that cannot be read."""
        with suppress(InputError), database.told(url), engine.begin() as connection:
            while (row := connection.execute(select(EVENTS).where(EVENTS.c.seq == self.expected)).first()) is not None:
                self.row(*row)

    def _gap(self, seq: int) -> None:
        last = seq - 1
        if last > self.expected:
            self.result.problem(self.expected, f"events {self.expected} to {last} are missing")
        elif last == self.expected:
            self.result.problem(self.expected, f"event {self.expected} is missing")
        else:
            self.result.problem(seq, f"event {seq} stands behind event {self.expected - 1}: the table is damaged")
        self._before = set()

    def _content(self, seq: int, text: str, hash_: str) -> bool:
        """Check an unchanged text; return whether it is an event that stands in its place."""
        try:
            if not seq:
                self._birth = Birth.parse(text)
                return True
            event = Event.parse(text, hash_)
        except (ValueError, TypeError, KeyError):
            self.result.problem(seq, f"event {seq} is not one that this program writes: it was put in")
            return False
        if event.seq != seq:
            self.result.problem(seq, f"event {event.seq} stands in the place of event {seq}: events were moved")
            return False
        if self._before and event.previous not in self._before:
            self.result.problem(
                seq - 1, f"event {seq - 1} was replaced: event {seq} was written after another one than stands there"
            )
        for complaint in self._unfit(event):
            self.result.problem(seq, f"event {seq} does not belong here: {complaint}")
        self._standing.take(event.kind, seq)
        if event.utc < self._utc:
            back = (read_utc(self._utc) - read_utc(event.utc)).total_seconds()
            self.result.note(seq, f"at event {seq} the clock stood {back:.1f} s before the time of the event before it")
        self._utc = event.utc
        return True

    def _unfit(self, event: Event) -> Iterator[str]:
        refusal = self._standing.refusal(event.seq, event.role, event.kind)
        if refusal:
            yield refusal
        if self._birth is not None and event.simulated != self._birth.simulated:
            yield (
                "it is simulated and the study is real" if event.simulated else "it is real and the study is simulated"
            )
        if event.protocol_sha256 != self._protocol:
            yield "it was written under another protocol"
        if "origin" in event.payload:
            yield from self._origin(event)

    def _origin(self, event: Event) -> Iterator[str]:
        try:
            original = event.original()
            birth = event.payload["origin"]["log"]
            same = digest(original.text) == original.hash
        except (ValueError, TypeError, KeyError, AttributeError):
            same = False
        if not same:
            yield "it is not as it was in the package it came with"
            return
        if original.previous != birth and original.previous not in self._merged:
            yield "the event before it in its package is missing"
        self._merged.add(original.hash)

    def _compare(self, seq: int, computed: str) -> None:
        while self._due and self._due[0].seq <= seq:
            receipt = self._due.pop(0)
            if self._birth is None or receipt.log != self._birth.hash or receipt.seq < seq:
                continue
            if receipt.head == computed:
                self._confirmed = seq
            else:
                since = f" and after event {self._confirmed}" if self._confirmed else ""
                self.result.problem(
                    seq, f"{_whose(receipt)} does not fit event {seq}: the log was rewritten there or before{since}"
                )

    def end(self) -> None:
        """Say what is wrong with the log as a whole."""
        birth, last = self._birth, self.expected - 1
        for receipt in self._receipts:
            if birth is not None and receipt.study != birth.study:
                self.result.problem(0, f"{_whose(receipt)} is of another study ({receipt.study})")
            elif birth is not None and receipt.log != birth.hash:
                if receipt.head not in self._merged:
                    self.result.problem(
                        0,
                        f"{_whose(receipt)} is of another log: this one was written anew from its beginning, or it is "
                        f"of a package that was not merged here up to its event {receipt.seq}",
                    )
            elif receipt.seq > last:
                self.result.problem(
                    receipt.seq,
                    f"{_whose(receipt)} names event {receipt.seq}, the log ends at event {last}: it was cut off",
                )


_BIRTH_CHANGED = "the beginning of the log (event 0: study, simulated or not) was changed after it was written"


def _whose(receipt: Receipt) -> str:
    return f"the receipt of {receipt.reader}, session {receipt.session}, {receipt.utc}"
