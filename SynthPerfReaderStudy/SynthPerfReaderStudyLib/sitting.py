"""One person at one seat: which session is due, how it is opened, what comes next. No rule is decided here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from SynthPerfLib.errors import InputError

from .adjudication import open_adjudication
from .overview import SessionRow, overview
from .people import Person
from .reading import Reading
from .records import Clock, Kind, Receipt, RecordLog, Role
from .session import Session, open_session
from .stimuli import StimulusImage
from .study import Study
from .view import ROOM_LIGHT, Experience, Monitor, Setting, State


@dataclass(frozen=True)
class Following:
    """The stimulus that comes next, and the images that it shows first."""

    code: str
    images: Mapping[str, StimulusImage]


class Sitting:
    """One person at one seat.

    Parameters
    ----------
    log
        The study's record; who opened it closes it.
    clock
        The same as the log's.

    Attributes
    ----------
    session
        None while it is not open here.
    """

    def __init__(self, study: Study, log: RecordLog, person: Person, clock: Clock | None = None) -> None:
        self.study, self.log, self.person = study, log, person
        self.session: Session | None = None
        self._clock = clock or Clock()
        self._reading = Reading(())

    @property
    def trained(self) -> bool:
        """Whether nothing is to be asked of the person's experience any more."""
        events = self.log.events(reader=self.person.name, kind=Kind.READER_TRAINED)
        return self.person.role is not Role.READER or next(events, None) is not None

    @property
    def last_setting(self) -> Setting | None:
        """Where the person read last; None before the first session."""
        last = None
        for event in self.log.events(reader=self.person.name, kind=Kind.SESSION_OPENED):
            last = event.payload
        if last is None or last["room_light"] not in ROOM_LIGHT:
            return None
        monitors = tuple(Monitor(**monitor) for monitor in last["monitors"])
        return Setting(last["seat"], monitors, last["room_light"], last["brightness"], last["test_pattern"])

    def due(self) -> SessionRow | None:
        """The reader's first session that is not complete; None if there is none, or for those who decide."""
        if self.person.role is not Role.READER:
            return None
        rows = overview(self.study, self.log, self._clock.utc()).sessions
        return next((row for row in rows if row.reader == self.person.name and row.state != "complete"), None)

    def open(self, setting: Setting, experience: Experience | None = None) -> Session:
        """Open the person's next session, or go on where it was left.

        Raises
        ------
        InputError
            If there is none, or it may not be opened now.
        """
        name = self.person.name
        if self.person.role is Role.READER:
            opened = open_session(self.study, self.log, name, setting, experience=experience, clock=self._clock)
        elif self.person.role is Role.ADJUDICATOR:
            opened = open_adjudication(self.study, self.log, name, setting, clock=self._clock)
        else:
            raise InputError(f"{name} coordinates this study, and does not read in it.")
        self.session, self._reading = opened, Reading(opened.plan.codes)
        return opened

    def close(self) -> Receipt:
        """Close the session.

        Raises
        ------
        InputError
            If it is not open here, or the record cannot be written.
        """
        if self.session is None:
            raise InputError("The session is closed already.")
        receipt = self.session.close()
        self.session = None
        return receipt

    def look(self) -> bool:
        """Take in what the record has of this person that was not seen yet; whether there was anything."""
        before = self._reading.seen
        for event in self.log.events(after=before, reader=self.person.name):
            self._reading.apply(event)
        return self._reading.seen > before

    def following(self) -> Following | None:
        """What comes after the stimulus on the screen; None if nothing does."""
        session = self.session
        if session is None or session.view.state is not State.READING:
            return None
        self.look()
        code = self._reading.next(session.view.stimulus)
        if code is None or code == session.view.stimulus:
            return None
        stimulus = self.study.stimulus(code)
        stage = max(self._reading.items[code].stage, session.plan.first_stage)
        shown = (name for row in stimulus.stages[stage - 1] for name in row)
        return Following(code, {name: stimulus.images[name] for name in shown})
