"""A room for each reader: the session of this person, which of their windows has it, and which images it may have."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from SynthPerfLib.errors import InputError

from ..adjudication import open_adjudication
from ..overview import SessionRow, overview
from ..reading import Reading
from ..records import Event, Kind, Receipt, RecordLog, Role
from ..session import Session, open_session
from ..stimuli import StimulusImage
from ..study import Study
from ..view import Experience, Monitor, Setting, State, View
from .people import Person

T = TypeVar("T")

BRAIN = "brain"


@dataclass(frozen=True)
class Shown:
    """Images that the reader's browser may have: of the stimulus on the screen, or of the next one."""

    code: str
    images: Mapping[str, StimulusImage]

    def file(self, name: str) -> Path | None:
        """The file of an image, or of the brain mask that all of them share."""
        if name == BRAIN:
            return next((image.file.with_name(f"{BRAIN}.nii.gz") for image in self.images.values()), None)
        return self.images[name].file if name in self.images else None


class Room:
    """One reader's, or adjudicator's, place in this server.

    Attributes
    ----------
    session
        None while it is not open here.
    window
        Id of the page that has the session; an older page of the same person has lost it.
    now, next
        What may be fetched.
    """

    def __init__(self, study: Study, log: RecordLog, person: Person) -> None:
        self.person = person
        self.session: Session | None = None
        self.window = ""
        self.now: Shown | None = None
        self.next: Shown | None = None
        self._study = study
        self._log = log
        self._turn = asyncio.Lock()
        self._reading = Reading(())

    async def do(self, step: Callable[[Session], T]) -> T:
        """Do something with the session, one thing after the other, without holding up other readers.

        Raises
        ------
        InputError
            If the session refuses it, or is not open.
        """
        async with self._turn:
            if self.session is None:
                raise InputError("The session is closed: open it again.")
            try:
                return await asyncio.to_thread(step, self.session)
            finally:
                await asyncio.to_thread(self._look)

    async def open(self, setting: Setting, experience: Experience | None) -> None:
        """Open the person's next session, or go on where it was left.

        Raises
        ------
        InputError
            If there is none, or it may not be opened now.
        """
        async with self._turn:
            if self.session is None:
                self.session = await asyncio.to_thread(self._opened, setting, experience)
                self._reading = Reading(self.session.plan.codes)
                await asyncio.to_thread(self._look)

    async def resume(self, screen: Monitor) -> bool:
        """Go on with a session that this server, or the one before it, has lost without closing it.

        Parameters
        ----------
        screen
            On which it goes on; the rest of the display record is that of the last opening.
        """
        opened = await asyncio.to_thread(self._left_open)
        if opened is None:
            return False
        kept = opened.payload
        setting = Setting("browser", (screen,), kept["room_light"], kept["brightness"], kept["test_pattern"])
        with contextlib.suppress(InputError):  # the set-up page will say what is in the way
            await self.open(setting, None)
        return self.session is not None

    async def close(self) -> Receipt:
        """Close the session."""
        receipt = await self.do(lambda session: session.close())
        self.drop()
        return receipt

    def drop(self) -> None:
        """Forget the session; what is recorded stays."""
        self.session = self.now = self.next = None

    @property
    def trained(self) -> bool:
        """Whether nothing is to be asked of the person's experience any more."""
        events = self._log.events(reader=self.person.name, kind=Kind.READER_TRAINED)
        return self.person.role is not Role.READER or next(events, None) is not None

    def due(self) -> SessionRow | None:
        """The reader's first session that is not complete; None if there is none, or for those who decide."""
        if self.person.role is not Role.READER:
            return None
        rows = overview(self._study, self._log, self._now()).sessions
        return next((row for row in rows if row.reader == self.person.name and row.state != "complete"), None)

    def _now(self) -> Any:
        from ..records import Clock

        return Clock().utc()

    def _opened(self, setting: Setting, experience: Experience | None) -> Session:
        if self.person.role is Role.READER:
            return open_session(self._study, self._log, self.person.name, setting, experience=experience)
        return open_adjudication(self._study, self._log, self.person.name, setting)

    def _left_open(self) -> Event | None:
        """The last opening, if the session was never closed after it, and this kind of seat had it."""
        last: Event | None = None
        for event in self._log.events(reader=self.person.name):
            if event.kind is Kind.SESSION_OPENED:
                last = event
            elif event.kind is Kind.SESSION_CLOSED:
                last = None
        return last if last is not None and last.payload["seat"] == "browser" else None

    def _look(self) -> None:
        """See what is on the screen, and what comes after it."""
        if self.session is None:
            return
        view = self.session.view
        self.now = Shown(view.stimulus, view.images) if view.state is State.READING else None
        code = self._after(view)
        if code is None or self.next is None or self.next.code != code:
            self.next = None if code is None else Shown(code, dict(self._first_images(code)))

    def _after(self, view: View) -> str | None:
        """The stimulus that comes next, if the one on the screen is submitted now."""
        assert self.session is not None
        for event in self._log.events(after=self._reading.seen, reader=self.person.name):
            if event.session == self.session.plan.session:
                self._reading.apply(event)
        return self._reading.next(view.stimulus) if view.state is State.READING else None

    def _first_images(self, code: str) -> Iterator[tuple[str, StimulusImage]]:
        """What the stimulus shows first, or showed last before it was put aside."""
        assert self.session is not None
        stimulus = self._study.stimulus(code)
        stage = max(self._reading.items[code].stage, self.session.plan.first_stage)
        for row in stimulus.stages[stage - 1]:
            for name in row:
                yield name, stimulus.images[name]


class Rooms:
    """The rooms of all people of one server."""

    def __init__(self, study: Study, log: RecordLog) -> None:
        self._study = study
        self._log = log
        self._rooms: dict[str, Room] = {}

    def of(self, person: Person) -> Room:
        """A person's room."""
        if person.name not in self._rooms:
            self._rooms[person.name] = Room(self._study, self._log, person)
        return self._rooms[person.name]

    def file(self, person: Person, code: str, name: str) -> Path | None:
        """An image that this person may have now; None if there is no such thing, or it is not theirs."""
        room = self._rooms.get(person.name)
        for shown in (room.now, room.next) if room is not None else ():
            if shown is not None and shown.code == code:
                return shown.file(name)
        return None
