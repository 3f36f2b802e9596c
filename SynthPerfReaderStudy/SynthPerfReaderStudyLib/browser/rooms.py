"""A room for each reader: the session of this person, which of their windows has it, and which images it may fetch."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from SynthPerfLib.errors import InputError

from ..overview import SessionRow
from ..people import Person
from ..records import Event, Kind, Receipt, RecordLog
from ..session import Session
from ..sitting import Sitting
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
    desk
        The window that has the session.
    now, next
        What may be fetched.
    """

    def __init__(self, study: Study, log: RecordLog, person: Person) -> None:
        self.person = person
        self.desk: Window | None = None
        self.now: Shown | None = None
        self.next: Shown | None = None
        self._sitting = Sitting(study, log, person)
        self._turn = asyncio.Lock()

    @property
    def session(self) -> Session | None:
        """None while it is not open here."""
        return self._sitting.session

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
                await asyncio.to_thread(self._sitting.open, setting, experience)
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
        """As :attr:`.Sitting.trained`."""
        return self._sitting.trained

    def due(self) -> SessionRow | None:
        """As :meth:`.Sitting.due`."""
        return self._sitting.due()

    def _left_open(self) -> Event | None:
        """The last opening, if the session was never closed after it, and this kind of seat had it."""
        last: Event | None = None
        for event in self._sitting.log.events(reader=self.person.name):
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
            if self._sitting.look():
                self._drop()  # another seat has written: what this one knows is not where the reader stands
            raise
        self._look()
        return result

    def _drop(self) -> None:
        self._sitting.session = self.now = self.next = None

    def _look(self) -> None:
        """See what is on the screen, and what comes after it."""
        assert self.session is not None
        self._sitting.look()
        view = self.session.view
        reading = view.state is State.READING
        if reading and (self.now is None or self.now.code != view.stimulus):
            following = self._sitting.following()
            self.next = None if following is None else Shown(following.code, following.images)
        self.now = Shown(view.stimulus, view.images) if reading else None


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
