"""How far a study is: every session of every reader, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from .allocation import may_open
from .reading import Reading
from .records import Event, RecordLog
from .session import plans
from .study import Study


@dataclass(frozen=True)
class SessionRow:
    """One session of one reader.

    Attributes
    ----------
    session
        Its number; 0 is practice.
    read, stimuli
        How many are submitted, of how many.
    state
        ``not begun``, ``open``, ``left`` (closed, not complete) or ``complete``.
    last
        When the reader wrote last in it (ISO 8601, UTC); empty if never.
    active_minutes
        The reader's time on it, without idle time and breaks.
    refusal
        Why it cannot be opened now, for a session that is not begun: an earlier one, or the washout.
    """

    reader: str
    session: int
    read: int
    stimuli: int
    state: str
    last: str
    active_minutes: float
    refusal: str


@dataclass(frozen=True)
class Overview:
    """How far a study is.

    Attributes
    ----------
    missing
        (reader, session, stimulus code) of every planned reading that is not submitted; practice does not count.
    not_assessable
        Answers that say so, among the submitted ones.
    planned
        Readings in all, without practice.
    locked, unblinded
        Number of the event that did it, 0 while nothing has.
    """

    study: str
    title: str
    simulated: bool
    sessions: tuple[SessionRow, ...]
    missing: tuple[tuple[str, int, str], ...]
    not_assessable: int
    planned: int
    events: int
    locked: int
    unblinded: int

    def as_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        names = ("reader", "session", "stimulus")
        return {**asdict(self), "missing": [dict(zip(names, row, strict=True)) for row in self.missing]}


def overview(study: Study, log: RecordLog, now: datetime) -> Overview:
    """How far a study is at the moment ``now``.

    Raises
    ------
    InputError
        If the log cannot be read.
    """
    rows: list[SessionRow] = []
    missing: list[tuple[str, int, str]] = []
    planned = not_assessable = 0
    by_reader: dict[str, list[Event]] = {reader: [] for reader in study.allocation.readers}
    for event in log.events():
        if event.reader in by_reader:
            by_reader[event.reader].append(event)
    for reader, events in by_reader.items():
        last: dict[int, datetime] = {}
        for plan in plans(study, reader):
            own = [event for event in events if event.session == plan.session]
            reading = Reading(plan.codes, own)
            if reading.opened:
                last[plan.number] = max(event.moment for event in own)
            refusal = ""
            if not reading.opened:
                permission = may_open(study.allocation, reader, plan.number, last, now, study.form.washout_days)
                refusal = permission.refusal
            active = sum(item.active for item in reading.items.values()) / 60
            when = f"{last[plan.number]:%Y-%m-%dT%H:%M:%SZ}" if reading.opened else ""
            rows.append(
                SessionRow(
                    reader,
                    plan.number,
                    reading.done,
                    len(plan.codes),
                    _state(reading),
                    when,
                    round(active, 1),
                    refusal,
                )
            )
            for code, item in reading.items.items():
                if code in plan.practice:
                    continue
                planned += 1
                if item.submitted:
                    not_assessable += sum(_is_not_assessable(content) for content in item.contents.values())
                else:
                    missing.append((reader, plan.number, code))
    standing, head = log.standing(), log.head()
    return Overview(
        study.id,
        study.form.title,
        study.simulated,
        tuple(rows),
        tuple(missing),
        not_assessable,
        planned,
        head.seq,
        standing.locked,
        standing.unblinded,
    )


def _is_not_assessable(content: Mapping[str, Any]) -> bool:
    return bool(content.get("not_assessable"))


def _state(reading: Reading) -> str:
    if reading.complete:
        return "complete"
    if not reading.opened:
        return "not begun"
    return "open" if reading.open else "left"
