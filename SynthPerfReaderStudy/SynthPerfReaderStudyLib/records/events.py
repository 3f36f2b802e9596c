"""What an event is, how it is written down and hashed, and who may append which.

An event is stored as one text and its hash::

    event  = JSON object of all fields of :class:`Event` but ``hash``: keys sorted at every depth, separators ``,`` and
             ``:`` without blanks, every character beyond ASCII as ``\\uXXXX``, numbers as Python writes them
             (shortest text that gives the same double), no NaN, no Infinity
    hash   = SHA-256 of the bytes of that text, 64 hexadecimal digits
    previous (a field of the text) = the hash of the event before it

so anyone can check a log with a JSON reader and SHA-256. What stands at number 0 is the log's birth, :class:`Birth`,
written by the same rule: which study it belongs to, whether it is simulated, and the event of the parent log that an
offline package was made from.
"""

from __future__ import annotations

import enum
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from typing import Any

NO_PARENT = "0" * 64


class Role(str, enum.Enum):
    """In which part someone writes."""

    COORDINATOR = "coordinator"
    READER = "reader"
    ADJUDICATOR = "adjudicator"


class Kind(str, enum.Enum):
    """What happened."""

    STUDY_CREATED = "study.created"
    READER_TRAINED = "reader.trained"
    SESSION_OPENED = "session.opened"
    SESSION_CLOSED = "session.closed"
    ITEM_SHOWN = "item.shown"
    ANSWER = "answer"
    ROI = "roi"
    ITEM_FLAGGED = "item.flagged"
    ITEM_SUBMITTED = "item.submitted"
    BREAK_BEGAN = "break.began"
    BREAK_ENDED = "break.ended"
    WASHOUT_OVERRIDDEN = "washout.overridden"
    ADJUDICATION_OPENED = "adjudication.opened"
    ADJUDICATION_ANSWER = "adjudication.answer"
    READS_LOCKED = "reads.locked"
    UNBLINDED = "unblinded"
    CASES_ADDED = "cases.added"
    MERGED = "merged"
    CONFLICT = "conflict"  # an event of a package that contradicts what is here: kept, and counted by nobody


_READING = frozenset(
    {Kind.SESSION_OPENED, Kind.ITEM_SHOWN, Kind.ANSWER, Kind.ROI, Kind.ITEM_FLAGGED, Kind.ITEM_SUBMITTED}
)
_SITTING = frozenset({Kind.SESSION_OPENED, Kind.SESSION_CLOSED, Kind.BREAK_BEGAN, Kind.BREAK_ENDED})
_MAY = {
    Role.COORDINATOR: frozenset(
        {
            Kind.STUDY_CREATED,
            Kind.READER_TRAINED,
            Kind.WASHOUT_OVERRIDDEN,
            Kind.ADJUDICATION_OPENED,
            Kind.READS_LOCKED,
            Kind.UNBLINDED,
            Kind.CASES_ADDED,
            Kind.MERGED,
        }
    ),
    Role.READER: _READING | _SITTING | {Kind.READER_TRAINED, Kind.CONFLICT},
    Role.ADJUDICATOR: _SITTING
    | {Kind.ITEM_SHOWN, Kind.ITEM_FLAGGED, Kind.ITEM_SUBMITTED, Kind.ADJUDICATION_ANSWER, Kind.CONFLICT},
}
_STAYS_OPEN = frozenset({Kind.SESSION_CLOSED, Kind.BREAK_ENDED})


def canonical(content: Mapping[str, Any]) -> str:
    """``content`` as the one text that is hashed (see the top of this module).

    Raises
    ------
    ValueError, TypeError
        If it is not JSON (NaN, Infinity, an object of Python's).
    """
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(text: str) -> str:
    """SHA-256 of ``text``; text that is not ASCII (only a damaged file has such) gives another hash, not an error."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


class Clock:
    """The machine's two clocks. A rehearsal brings its own, to let weeks pass in seconds."""

    def utc(self) -> datetime:
        """Now, in UTC."""
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        """Seconds of a clock that nobody sets; only differences within one run of the machine have a meaning."""
        return time.monotonic()


def written_utc(moment: datetime) -> str:
    """ISO 8601 with microseconds and ``Z``."""
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def read_utc(text: str) -> datetime:
    """The moment of an event's ``utc``."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


@dataclass(frozen=True)
class Draft:
    """An event that is to be appended: what its writer knows.

    Parameters
    ----------
    kind, role
        What happened, and in which part its writer acts.
    payload
        JSON object; what it holds is the matter of the kind.
    reader, session
        Who and in which session; empty where neither applies.
    stimulus, stimulus_sha256
        The stimulus's opaque code and the hash of its files; empty where none is shown.
    """

    kind: Kind
    role: Role
    payload: Mapping[str, Any] = field(default_factory=dict)
    reader: str = ""
    session: str = ""
    stimulus: str = ""
    stimulus_sha256: str = ""


@dataclass(frozen=True)
class Event:
    """One event of the log.

    ``seq`` counts from 1 without a gap; ``utc`` is ISO 8601 with microseconds and ``Z``; ``monotonic`` is in seconds of
    the writing machine's own clock; ``software`` and ``protocol_sha256`` say what wrote it and under which protocol.

    An event that came with an offline package has ``origin`` in its payload: ``log`` (the hash of the package's birth),
    and the package's own ``seq, utc, monotonic, kind, software, previous, hash``.
    """

    seq: int
    utc: str
    monotonic: float
    role: Role
    reader: str
    session: str
    kind: Kind
    payload: dict[str, Any]
    software: str
    protocol_sha256: str
    stimulus: str
    stimulus_sha256: str
    simulated: bool
    previous: str
    hash: str

    @property
    def moment(self) -> datetime:
        """When it happened: at the reader's machine, also where it came here later with a package."""
        return read_utc(self.payload.get("origin", {}).get("utc", self.utc))

    @property
    def text(self) -> str:
        """The text that is stored and hashed."""
        return canonical({name: getattr(self, name) for name in _FIELDS})

    def as_json(self) -> dict[str, Any]:
        """All fields, ``hash`` included, as JSON."""
        return {**asdict(self), "role": self.role.value, "kind": self.kind.value}

    @classmethod
    def parse(cls, text: str, hash_: str) -> Event:
        """The event of a stored text.

        Raises
        ------
        ValueError, TypeError, KeyError
            If the text is not one of an event.
        """
        content = json.loads(text)
        content["role"], content["kind"] = Role(content["role"]), Kind(content["kind"])
        return cls(**content, hash=hash_)

    def original(self) -> Event:
        """The event as it stood in the package that it came with; itself if it was written here."""
        if "origin" not in self.payload:
            return self
        payload = dict(self.payload)
        origin = dict(payload.pop("origin"))
        del origin["log"]
        origin["kind"] = Kind(origin["kind"])
        here = {name: getattr(self, name) for name in (*_FIELDS, "hash")}
        return Event(**{**here, **origin, "payload": payload})


_FIELDS = tuple(item.name for item in fields(Event) if item.name != "hash")


@dataclass(frozen=True)
class Birth:
    """What a log is, fixed when it is made.

    Parameters
    ----------
    study
        The study's id.
    simulated
        Whether everything in it comes from simulated readers.
    parent
        The hash of the event of the study's log that this package was made after; :data:`NO_PARENT`: it is no package.
    readers
        The only readers who may write here (a package); empty: all.
    """

    study: str
    simulated: bool = False
    parent: str = NO_PARENT
    readers: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text at number 0 of the log."""
        return canonical({**asdict(self), "seq": 0})

    @property
    def hash(self) -> str:
        """What the first event has as ``previous``."""
        return digest(self.text)

    @classmethod
    def parse(cls, text: str) -> Birth:
        """The birth of a stored text; errors as :meth:`Event.parse`."""
        content = json.loads(text)
        del content["seq"]
        return cls(**{**content, "readers": tuple(content["readers"])})


@dataclass
class Standing:
    """Which one-way steps a log has taken: the number of the event that locked or unblinded it, 0 while it has not."""

    locked: int = 0
    unblinded: int = 0

    def take(self, kind: Kind, seq: int) -> None:
        """Go on with an event."""
        if kind is Kind.READS_LOCKED:
            self.locked = seq
        elif kind is Kind.UNBLINDED:
            self.unblinded = seq

    def refusal(self, seq: int, role: Role, kind: Kind) -> str:
        """Why an event may not stand at ``seq``; empty if it may."""
        if kind not in _MAY[role]:
            return f"the role {role.value} may not write {kind.value}"
        if kind is Kind.STUDY_CREATED and seq != 1:
            return "a study is created once"
        if kind is Kind.UNBLINDED and not self.locked:
            return "the reads must be locked before the study is unblinded"
        if self.unblinded and kind not in _STAYS_OPEN:
            return f"the study was unblinded (event {self.unblinded})"
        if self.locked and kind not in _STAYS_OPEN:
            if kind is Kind.READS_LOCKED:
                return f"the reads are locked already (event {self.locked})"
            if role is Role.READER or kind in (Kind.CASES_ADDED, Kind.MERGED):
                return f"the reads were locked (event {self.locked})"
        return ""
