"""A room for each reader: the session of this person, which of their windows has it, and which images it may fetch."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from SynthPerfLib.errors import InputError

from ..adjudication import open_adjudication
from ..overview import SessionRow, overview
from ..people import Person
from ..reading import Reading
from ..records import Clock, Event, Kind, Receipt, RecordLog, Role
from ..session import Session, open_session
from ..stimuli import StimulusImage
from ..study import Study
from ..view import Experience, Monitor, Setting, State

T = TypeVar("T")

BRAIN = "brain"


class Window(Protocol):
    """A page of the reader."""

    def lost(self) -> None:
        """Say that another one has the session now."""


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
    desk
        The window that has the session.
    now, next
        What may be fetched.
    """

    def __init__(self, study: Study, log: RecordLog, person: Person) -> None:
        self.person = person
        self.session: Session | None = None
        self.desk: Window | None = None
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
            return await asyncio.to_thread(self._done, step)

    async def touch(self) -> None:
        """The reader is there."""
        async with self._turn:
            if self.session is not None:
                self.session.touch()

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
        with contextlib.suppress(InputError):  # the set-up page will say what is in the way
            setting = Setting("browser", (screen,), kept["room_light"], kept["brightness"], kept["test_pattern"])
            await self.open(setting, None)
        return self.session is not None

    async def close(self) -> Receipt:
        """Close the session."""
        receipt = await self.do(lambda session: session.close())
        self._drop()
        return receipt

    @property
    def trained(self) -> bool:
        """Whether nothing is to be asked of the person's experience any more."""
        events = self._log.events(reader=self.person.name, kind=Kind.READER_TRAINED)
        return self.person.role is not Role.READER or next(events, None) is not None

    def due(self) -> SessionRow | None:
        """The reader's first session that is not complete; None if there is none, or for those who decide."""
        if self.person.role is not Role.READER:
            return None
        rows = overview(self._study, self._log, Clock().utc()).sessions
        return next((row for row in rows if row.reader == self.person.name and row.state != "complete"), None)

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

    def _done(self, step: Callable[[Session], T]) -> T:
        if self.session is None:
            raise InputError("The session is closed: open it again.")
        try:
            result = step(self.session)
        except InputError:
            if any(True for _ in self._log.events(after=self._reading.seen, reader=self.person.name)):
                self._drop()  # another seat has written: what this one knows is not where the reader stands
            raise
        self._look()
        return result

    def _drop(self) -> None:
        self.session = self.now = self.next = None

    def _look(self) -> None:
        """See what is on the screen, and what comes after it."""
        assert self.session is not None
        for event in self._log.events(after=self._reading.seen, reader=self.person.name):
            self._reading.apply(event)
        view = self.session.view
        reading = view.state is State.READING
        if reading and (self.now is None or self.now.code != view.stimulus):
            following = self._reading.next(view.stimulus)
            self.next = None if following is None else Shown(following, dict(self._first_images(following)))
        self.now = Shown(view.stimulus, view.images) if reading else None

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
