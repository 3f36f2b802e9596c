"""The log itself: made, opened, appended to, read."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.engine import Connection
from SynthPerfLib import __version__
from SynthPerfLib.errors import InputError
from SynthPerfLib.jobs import Steps

from . import database
from .database import EVENTS
from .events import NO_PARENT, Birth, Clock, Draft, Event, Kind, Role, Standing, canonical, digest, written_utc
from .verification import Receipt, Verification, verified

_PAGE = 2000


class Head(NamedTuple):
    """The number and the hash of a log's last event (number 0: there is none yet)."""

    seq: int
    hash: str


class RecordLog:
    """The append-only log of one study.

    Made by :meth:`create`, opened by :meth:`open`. Several seats (threads, processes, machines) may have the same log
    open; every append takes its turn, so that there is one unbroken chain. Every method raises ``InputError`` with one
    sentence if the database cannot be used.
    """

    def __init__(self, location: str | Path, protocol_sha256: str, simulated: bool, clock: Clock) -> None:
        self.url = database.located(location)
        if database.is_file(self.url) and not database.path_of(self.url).is_file():
            raise InputError(f"{database.path_of(self.url)} is not there: the study has no records.")
        self._engine = database.connected(self.url)
        self._reading = database.connected(self.url, write=False) if database.is_file(self.url) else self._engine
        self._protocol = protocol_sha256
        self._simulated = simulated
        self._clock = clock
        self._software = f"synthperf {__version__}"
        self._turn = threading.Lock()
        self._standing = Standing()
        self._known = 0  # the standing holds what the events up to this one have done

    @classmethod
    def create(
        cls,
        location: str | Path,
        study: str,
        protocol_sha256: str,
        *,
        simulated: bool = False,
        parent: str = NO_PARENT,
        readers: Sequence[str] = (),
        clock: Clock | None = None,
    ) -> RecordLog:
        """Make an empty log and open it.

        Parameters
        ----------
        location
            A new file, or ``postgresql+pg8000://user@host/database`` without a study in it.
        study
            The study's id.
        protocol_sha256
            Hash of the frozen protocol; goes into every event.
        simulated
            Whether all that will ever be written here comes from simulated readers.
        parent, readers
            Of an offline package: see :class:`Birth`.
        clock
            Where the times come from; the machine's clocks by default.

        Raises
        ------
        InputError
            If there is a log already, or it cannot be written.
        """
        birth = Birth(study, simulated, parent, tuple(readers))
        database.create(database.located(location), birth.text, birth.hash)
        return cls(location, protocol_sha256, simulated, clock or Clock())

    @classmethod
    def open(
        cls, location: str | Path, protocol_sha256: str, *, simulated: bool = False, clock: Clock | None = None
    ) -> RecordLog:
        """Open a log.

        Parameters
        ----------
        location, protocol_sha256, clock
            As in :meth:`create`.
        simulated
            Who is going to write: people, or simulated readers. Anyone may read.

        Raises
        ------
        InputError
            If there is none.
        """
        return cls(location, protocol_sha256, simulated, clock or Clock())

    def close(self) -> None:
        """Let the database go; an SQLite log is one file afterwards."""
        self._reading.dispose()
        self._engine.dispose()

    def __enter__(self) -> RecordLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def birth(self) -> Birth:
        """What this log is."""
        with database.told(self.url), self._reading.begin() as connection:
            text = connection.execute(select(EVENTS.c.event).where(EVENTS.c.seq == 0)).scalar()
        try:
            return Birth.parse(str(text))
        except (ValueError, TypeError, KeyError):
            raise InputError(
                f"{database.named(self.url)} does not begin as the records of a study do: it is damaged, or another "
                "program's; go back to a copy."
            ) from None

    def append(
        self,
        kind: Kind,
        role: Role,
        payload: Mapping[str, Any] | None = None,
        *,
        reader: str = "",
        session: str = "",
        stimulus: str = "",
        stimulus_sha256: str = "",
        seen: int | None = None,
    ) -> Event:
        """Append one event; returns only after it is on the disk (or the server has confirmed that).

        Parameters
        ----------
        kind, role, payload, reader, session, stimulus, stimulus_sha256
            See :class:`Draft`.
        seen
            The last event number that this seat knows of; the event is refused if its reader has written since, from
            another seat.

        Raises
        ------
        InputError
            If the event may not be written, or could not be; then nothing was.
        """
        draft = Draft(kind, role, payload or {}, reader, session, stimulus, stimulus_sha256)
        return self.extend([draft], seen=seen)[0]

    def extend(self, drafts: Iterable[Draft], *, seen: int | None = None) -> list[Event]:
        """Append several events, all or none; otherwise as :meth:`append`."""
        drafts = list(drafts)
        self._may_write(drafts)
        with self._turn, database.told(self.url):
            with database.writing(self._engine) as connection:
                last = connection.execute(
                    select(EVENTS.c.seq, EVENTS.c.hash).order_by(EVENTS.c.seq.desc()).limit(1)
                ).one()
                standing = self._standing_at(connection, last.seq)
                if seen is not None and last.seq > seen:
                    self._refuse_other_seat(connection, seen, {draft.reader for draft in drafts})
                events: list[Event] = []
                head = Head(last.seq, last.hash)
                for draft in drafts:
                    refusal = standing.refusal(head.seq + 1, draft.role, draft.kind)
                    if refusal:
                        raise InputError(f"Not recorded: {refusal}.")
                    events.append(self._event(draft, head))
                    head = Head(events[-1].seq, events[-1].hash)
                    standing.take(draft.kind, head.seq)
                if events:
                    rows = [{"seq": event.seq, "event": event.text, "hash": event.hash} for event in events]
                    connection.execute(EVENTS.insert(), rows)
            self._standing, self._known = standing, head.seq
        return events

    def _may_write(self, drafts: Sequence[Draft]) -> None:
        if self.birth.simulated != self._simulated:
            raise InputError(
                "Not recorded: this study is a rehearsal by simulated readers, real answers cannot be mixed into it."
                if self.birth.simulated
                else "Not recorded: this is a real study, simulated answers cannot be mixed into it."
            )
        for reader in {draft.reader for draft in drafts if draft.reader}:
            if self.birth.readers and reader not in self.birth.readers:
                raise InputError(f"Not recorded: this package is for {', '.join(self.birth.readers)}, not {reader}.")

    def _standing_at(self, connection: Connection, seq: int) -> Standing:
        """The standing after event ``seq``, on from what is known."""
        standing = replace(self._standing)
        if seq > self._known:
            one_way = or_(*(_has("kind", kind.value) for kind in (Kind.READS_LOCKED, Kind.UNBLINDED)))
            query = select(EVENTS).where(EVENTS.c.seq > self._known, one_way).order_by(EVENTS.c.seq)
            for row in connection.execute(query):
                standing.take(self._parsed(row).kind, row.seq)
        return standing

    def _refuse_other_seat(self, connection: Connection, seen: int, readers: set[str]) -> None:
        for row in connection.execute(select(EVENTS).where(EVENTS.c.seq > seen).order_by(EVENTS.c.seq)):
            event = self._parsed(row)
            if event.reader in readers:
                raise InputError(
                    f"Not recorded: {event.reader or 'the coordinator'} has written from another seat meanwhile "
                    f"(event {event.seq}); close one of the two and open the session again."
                )

    def _event(self, draft: Draft, head: Head) -> Event:
        content = {
            "seq": head.seq + 1,
            "utc": written_utc(self._clock.utc()),
            "monotonic": round(float(self._clock.monotonic()), 6),
            "role": draft.role.value,
            "reader": draft.reader,
            "session": draft.session,
            "kind": draft.kind.value,
            "payload": dict(draft.payload),
            "software": self._software,
            "protocol_sha256": self._protocol,
            "stimulus": draft.stimulus,
            "stimulus_sha256": draft.stimulus_sha256,
            "simulated": self._simulated,
            "previous": head.hash,
        }
        text = canonical(content)
        return Event.parse(text, digest(text))

    def head(self) -> Head:
        """The last event's number and hash."""
        with database.told(self.url), self._reading.begin() as connection:
            row = connection.execute(select(EVENTS).order_by(EVENTS.c.seq.desc()).limit(1)).one()
        return Head(row.seq, row.hash)

    def events(self, *, after: int = 0, kind: Kind | None = None, reader: str | None = None) -> Iterator[Event]:
        """The events in order, read in pages.

        Parameters
        ----------
        after
            Only those with a greater number.
        kind, reader
            Only those of this kind, of this reader.

        Raises
        ------
        InputError
            At an event that is not as it was written.
        """
        query = select(EVENTS).order_by(EVENTS.c.seq).limit(_PAGE)
        if kind is not None:
            query = query.where(_has("kind", kind.value))
        if reader is not None:
            query = query.where(_has("reader", reader))
        while True:
            with database.told(self.url), self._reading.begin() as connection:
                rows = connection.execute(query.where(EVENTS.c.seq > after)).all()
            for row in rows:
                event = self._parsed(row)
                if kind in (None, event.kind) and reader in (None, event.reader):
                    yield event
            if len(rows) < _PAGE:
                return
            after = rows[-1].seq

    def holds(self, hash_: str) -> bool:
        """Whether there is an event (or the log's birth) with this hash."""
        with database.told(self.url), self._reading.begin() as connection:
            return connection.execute(select(EVENTS.c.seq).where(EVENTS.c.hash == hash_)).first() is not None

    def _parsed(self, row: Any) -> Event:
        try:
            if digest(row.event) == row.hash:
                return Event.parse(row.event, row.hash)
        except (ValueError, TypeError, KeyError, AttributeError):
            pass  # told below
        raise InputError(
            f"Event {row.seq} of {database.named(self.url)} is not as it was written: "
            "'synthperf study verify' says more."
        )

    def standing(self) -> Standing:
        """Which event locked the reads and which unblinded the study (0: none yet)."""
        with database.told(self.url), self._reading.begin() as connection:
            last = connection.execute(select(EVENTS.c.seq).order_by(EVENTS.c.seq.desc()).limit(1)).scalar_one()
            return self._standing_at(connection, last)

    def lock(self, payload: Mapping[str, Any] | None = None) -> Event:
        """Close the study for readers, for good."""
        return self.append(Kind.READS_LOCKED, Role.COORDINATOR, payload)

    def unblind(self, payload: Mapping[str, Any] | None = None) -> Event:
        """Record that the code book is opened, for good; the reads are locked by the same step if they are not yet."""
        steps = [Draft(Kind.UNBLINDED, Role.COORDINATOR, payload or {})]
        if not self.standing().locked:
            steps.insert(0, Draft(Kind.READS_LOCKED, Role.COORDINATOR, payload or {}))
        return self.extend(steps)[-1]

    def receipt(self, reader: str, session: str) -> Receipt:
        """What the reader and the site keep: the log as it ends now."""
        head = self.head()
        return Receipt(
            self.birth.study, self.birth.hash, reader, session, head.seq, head.hash, written_utc(self._clock.utc())
        )

    def verify(self, receipts: Sequence[Receipt] = ()) -> Steps[Verification]:
        """Check every event; see :func:`~.verification.verified`. Nothing is changed, whatever is found."""
        return verified(self.url, self._protocol, receipts)


def _has(name: str, value: str) -> Any:
    """Texts that may have ``name`` as ``value``: the database sorts out most others, the caller the rest."""
    return EVENTS.c.event.contains(canonical({name: value})[1:-1], autoescape=True)
