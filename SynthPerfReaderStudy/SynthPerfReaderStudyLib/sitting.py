"""One person at one seat: which session is due, how it is opened, what comes next. No rule is decided here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from SynthPerfLib.errors import InputError

from .adjudication import open_adjudication
from .overview import SessionRow, overview
from .people import Person
from .reading import Reading
from .records import Clock, Kind, Receipt, Role
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
    seat
        As in :class:`~.view.Setting`.
    clock
        Where all times come from.

    Attributes
    ----------
    session
        None while it is not open here.
    """

    def __init__(self, study: Study, person: Person, seat: str, clock: Clock | None = None) -> None:
        self.study, self.person = study, person
        self.session: Session | None = None
        self._seat, self._clock = seat, clock or Clock()
        self._log = study.records(clock=self._clock)

    @property
    def trained(self) -> bool:
        """Whether nothing is to be asked of the person's experience any more."""
        events = self._log.events(reader=self.person.name, kind=Kind.READER_TRAINED)
        return self.person.role is not Role.READER or next(events, None) is not None

    @property
    def last_setting(self) -> Setting | None:
        """Where the person read last; None before the first session."""
        last = None
        for event in self._log.events(reader=self.person.name, kind=Kind.SESSION_OPENED):
            last = event.payload
        if last is None or last["room_light"] not in ROOM_LIGHT:
            return None
        monitors = tuple(Monitor(**monitor) for monitor in last["monitors"])
        return Setting(last["seat"], monitors, last["room_light"], last["brightness"], last["test_pattern"])

    def due(self) -> SessionRow | None:
        """The reader's first session that is not complete; None if there is none, or for those who decide."""
        if self.person.role is not Role.READER:
            return None
        rows = overview(self.study, self._log, self._clock.utc()).sessions
        return next((row for row in rows if row.reader == self.person.name and row.state != "complete"), None)

    def open(
        self,
        monitors: tuple[Monitor, ...],
        room_light: str,
        brightness: float | None,
        test_pattern: bool,
        experience: Experience | None = None,
    ) -> Session:
        """Open the person's next session, or go on where it was left.

        Raises
        ------
        InputError
            If there is none, or it may not be opened now.
        """
        setting = Setting(self._seat, monitors, room_light, brightness, test_pattern)
        if self.person.role is Role.READER:
            opened = open_session(
                self.study, self._log, self.person.name, setting, experience=experience, clock=self._clock
            )
        elif self.person.role is Role.ADJUDICATOR:
            opened = open_adjudication(self.study, self._log, self.person.name, setting, clock=self._clock)
        else:
            raise InputError(f"{self.person.name} coordinates this study, and does not read in it.")
        self.session = opened
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

    def end(self) -> None:
        """Let go of the record; a session that is open stays so, and is gone on with when it is opened again."""
        self.session = None
        self._log.close()

    def following(self) -> Following | None:
        """What comes after the stimulus on the screen; None if nothing does."""
        session = self.session
        if session is None or session.view.state is not State.READING:
            return None
        own = (e for e in self._log.events(reader=self.person.name) if e.session == session.plan.session)
        reading = Reading(session.plan.codes, own)
        code = reading.next(session.view.stimulus)
        if code is None or code == session.view.stimulus:
            return None
        stimulus = self.study.stimulus(code)
        stage = max(reading.items[code].stage, session.plan.first_stage)
        shown = (name for row in stimulus.stages[stage - 1] for name in row)
        return Following(code, {name: stimulus.images[name] for name in shown})
