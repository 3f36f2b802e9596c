"""Where a session stands, derived from its events and from nothing else.

The same :meth:`Reading.apply` takes an event that was just written and one that is read again after a crash, so that
what a seat shows and what it resumes at cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .records import Event, Kind, RecordLog, Role

if TYPE_CHECKING:
    from .study import Study

Key = tuple[str | int, ...]
"""What a change is about: ``("answer", stage, item)`` or ``("roi", task, number, map)``."""

Content = Mapping[str, Any]
"""The part of an event's payload that makes the answer (:data:`ANSWER`) or the region (:data:`REGION`)."""

ANSWER = ("value", "not_assessable")
REGION = ("region", "sha256", "voxels", "area_mm2", "measurements", "warnings")

DO, UNDO, REDO = "do", "undo", "redo"


@dataclass(frozen=True)
class Change:
    """One answer or region, before and after; None where there is none."""

    key: Key
    before: Content | None
    after: Content | None


@dataclass
class Item:
    """One stimulus of a session.

    Attributes
    ----------
    stage
        The stage that is shown, from 1; 0 before it is shown. What belongs to an earlier stage is locked.
    submitted, aside
        Whether the reader is done with it, has put it aside for later.
    active, idle
        Seconds so far.
    contents
        What is answered and drawn.
    past, future
        Steps that can be undone and redone; emptied when a stage is locked.
    step
        Number of the last step.
    rows
        The measured regions that were submitted (``rois.csv``).
    """

    stage: int = 0
    submitted: bool = False
    aside: bool = False
    active: float = 0.0
    idle: float = 0.0
    contents: dict[Key, Content] = field(default_factory=dict)
    past: list[list[Change]] = field(default_factory=list)
    future: list[list[Change]] = field(default_factory=list)
    step: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)

    def change(self, key: Key, content: Content | None, step: int, move: str) -> None:
        """Take one change of a step."""
        change = Change(key, self.contents.get(key), content)
        if content is None:
            self.contents.pop(key, None)
        else:
            self.contents[key] = content
        begins = step != self.step
        self.step = step
        if move == DO:
            if begins:
                self.future.clear()
                self.past.append([])
            self.past[-1].append(change)
        elif begins:
            source, target = (self.past, self.future) if move == UNDO else (self.future, self.past)
            target.append(source.pop())

    def lock(self) -> None:
        """Nothing before now can be undone any more."""
        self.past.clear()
        self.future.clear()


class Reading:
    """Where a session stands.

    Attributes
    ----------
    items
        Stimulus code to its state, in the order of the reading list.
    current
        The stimulus that is shown; None between two.
    last
        The one that was submitted or put aside last.
    on_break, open
        Whether the reader is on a break; whether the session is open.
    opened
        How often it was opened.
    seen
        Number of the last event taken.
    """

    def __init__(self, codes: Iterable[str], events: Iterable[Event] = ()) -> None:
        self.items = {code: Item() for code in codes}
        self.current: str | None = None
        self.last: str | None = None
        self.on_break = False
        self.open = False
        self.opened = 0
        self.seen = 0
        for event in events:
            self.apply(event)

    def apply(self, event: Event) -> None:
        """Go on with an event of this session; others of the reader only count as seen."""
        self.seen = event.seq
        payload = event.payload
        if event.kind is Kind.SESSION_OPENED:
            self.open, self.on_break = True, False
            self.opened += 1
        elif event.kind is Kind.SESSION_CLOSED:
            self.open = False
        elif event.kind in (Kind.BREAK_BEGAN, Kind.BREAK_ENDED):
            self.on_break = event.kind is Kind.BREAK_BEGAN
        item = self.items.get(event.stimulus)
        if item is None:
            return
        item.active, item.idle = payload.get("active_s", item.active), payload.get("idle_s", item.idle)
        if event.kind is Kind.ITEM_SHOWN:
            self.current = event.stimulus
            item.stage, item.submitted = payload["stage"], False
            item.lock()
        elif event.kind in (Kind.ANSWER, Kind.ADJUDICATION_ANSWER):
            key: Key = ("answer", payload["stage"], payload["item"])
            item.change(key, _part(payload, ANSWER), payload["step"], payload["move"])
        elif event.kind is Kind.ROI:
            key = ("roi", payload["roi"], payload["number"], payload["map"])
            item.change(key, _part(payload, REGION), payload["step"], payload["move"])
        elif event.kind is Kind.ITEM_FLAGGED:
            item.aside = payload["on"]
            self.current, self.last = None, event.stimulus
        elif event.kind is Kind.ITEM_SUBMITTED:
            item.submitted, item.aside = True, False
            item.rows = payload["rois"]
            item.lock()
            self.current, self.last = None, event.stimulus

    def next(self, leaving: str | None = None) -> str | None:
        """The stimulus to show next: the first that is neither submitted nor put aside, then those put aside, beginning
        after the last one; None when all are submitted.

        Parameters
        ----------
        leaving
            The one that is being submitted or put aside by the same step.
        """
        left = [code for code, item in self.items.items() if not item.submitted and code != leaving]
        fresh = [code for code in left if not self.items[code].aside]
        if fresh or not left:
            return fresh[0] if fresh else None
        order = list(self.items)
        last = leaving or self.last
        after = order.index(last) if last is not None else -1
        return next((code for code in left if order.index(code) > after), left[0])

    @property
    def done(self) -> int:
        """How many stimuli are submitted."""
        return sum(item.submitted for item in self.items.values())

    @property
    def complete(self) -> bool:
        """Whether all are."""
        return self.done == len(self.items)


def _part(payload: Mapping[str, Any], keys: Sequence[str]) -> Content | None:
    """The content of an event, None if it withdraws what was there."""
    return None if payload.get("withdrawn") else {key: payload[key] for key in keys if key in payload}


@dataclass(frozen=True)
class Submission:
    """What counts of one reading: the answers as they stood when it was last submitted, and the measured regions."""

    contents: Mapping[Any, Content]
    stage: int
    rois: Sequence[Mapping[str, Any]]


Submissions = Mapping[tuple[str, str], Submission]
"""By (reader, stimulus)."""


def submitted(study: Study, log: RecordLog) -> Submissions:
    """What counts of every reading."""
    found: dict[tuple[str, str], Submission] = {}
    codes: dict[str, list[str]] = {}
    for row in study.allocation.rows:
        codes.setdefault(row.reader, []).append(row.stimulus)
    states = {reader: Reading(stimuli) for reader, stimuli in codes.items()}
    for event in log.events():
        if event.role is Role.READER and event.reader in states:
            states[event.reader].apply(event)
            if event.kind is Kind.ITEM_SUBMITTED:
                contents = dict(states[event.reader].items[event.stimulus].contents)
                found[event.reader, event.stimulus] = Submission(
                    contents, event.payload["stage"], event.payload.get("rois", ())
                )
    return found
