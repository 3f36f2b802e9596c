"""When a session may be opened: one after the other, and not before the washout has passed."""

from __future__ import annotations

from datetime import timedelta

from SynthPerfLib.errors import InputError

from ..allocation import may_open
from ..reading import Reading
from ..records import Clock, Kind, RecordLog, Role
from ..study import Study
from ..view import Experience, Setting
from .machine import Session
from .plan import plans, session_id

_CLOCK_TOLERANCE = timedelta(minutes=10)  # seats on several machines


def override_washout(study: Study, log: RecordLog, reader: str, number: int, reason: str) -> None:
    """Let a reader open a session before the washout has passed; recorded with the coordinator's reason.

    Raises
    ------
    InputError
        If there is no such session, or no reason.
    """
    study.allocation.session(reader, number)
    if not reason.strip():
        raise InputError("An exception from the washout needs a reason.")
    payload = {"session": number, "reason": reason.strip()}
    log.append(Kind.WASHOUT_OVERRIDDEN, Role.COORDINATOR, payload, reader=reader, session=session_id(reader, number))


def open_session(
    study: Study,
    log: RecordLog,
    reader: str,
    setting: Setting,
    number: int | None = None,
    *,
    experience: Experience | None = None,
    clock: Clock | None = None,
) -> Session:
    """Open a reader's session, or go on where it was left.

    Parameters
    ----------
    number
        Of the allocation; the reader's first that is not complete by default.
    experience
        Needed before a reader's first session.
    clock
        The same as the log's.

    Raises
    ------
    InputError
        If the reader or the session is unknown, an earlier one is not complete, this one is, the reads are locked, the
        clock was set back, or the washout has not passed (the sentence says from when).
    """
    clock = clock or Clock()
    own = plans(study, reader)
    events = list(log.events(reader=reader))
    states = {
        plan.number: Reading(plan.codes, (event for event in events if event.session == plan.session)) for plan in own
    }
    if number is None:
        number = next((plan.number for plan in own if not states[plan.number].complete), None)
        if number is None:
            raise InputError(f"{reader} has read everything: there is no session left to open.")
    plan = next((plan for plan in own if plan.number == number), None)
    if plan is None:
        raise InputError(f"{reader} has no session {number}: there are {', '.join(str(p.number) for p in own)}.")
    if log.standing().locked:
        raise InputError("The reads are locked: no session can be opened any more.")
    if states[number].complete and not states[number].open:
        raise InputError(f"{_named(number)} of {reader} is complete and closed.")
    unfinished = next((p.number for p in own if p.number < number and not states[p.number].complete), None)
    if unfinished is not None:
        raise InputError(f"{_named(unfinished)} of {reader} is not complete: read that one first.")
    now = clock.utc()
    last = {event.session: event.moment for event in events}
    latest = max((event.moment for event in events), default=now)
    if latest - now > _CLOCK_TOLERANCE:
        raise InputError(
            f"This machine's clock ({now:%Y-%m-%d %H:%M} UTC) is before the last record of {reader} "
            f"({latest:%Y-%m-%d %H:%M} UTC): set it right."
        )
    if not states[number].opened:
        opened = {p.number: last[p.session] for p in own if states[p.number].opened}
        permission = may_open(study.allocation, reader, number, opened, now, study.form.washout_days)
        excepted = any(e.kind is Kind.WASHOUT_OVERRIDDEN and e.payload["session"] == number for e in events)
        if not permission.allowed and not (permission.since is not None and excepted):
            raise InputError(permission.refusal)
    trained = any(event.kind is Kind.READER_TRAINED for event in events)
    if experience is None and not trained:
        raise InputError(f"{reader} opens a session for the first time: experience and training are to be stated.")
    session = Session(study, log, plan, events, clock)
    session.begin(setting, None if trained else experience)
    return session


def _named(number: int) -> str:
    return f"Session {number}" if number else "The practice"
