"""Who reads which stimulus in which session and order, as a table; and when a session may be opened.

How it is made is told in :mod:`.planning`.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from datetime import datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path

from SynthPerfLib.errors import InputError
from SynthPerfLib.images import written_whole


@dataclass(frozen=True)
class Row:
    """One stimulus in one reader's reading list.

    Attributes
    ----------
    session
        From 1; 0 is practice.
    order
        Place in the session, from 1.
    stimulus
        Opaque code.
    group
        Sessions that share a group show the same patients; 0 for practice.
    block
        Number of the balanced block in the session, from 1.
    practice
        Whether the answers are for training only.
    """

    reader: str
    session: int
    order: int
    stimulus: str
    group: int
    block: int
    practice: bool


@dataclass(frozen=True)
class Permission:
    """Whether a session may be opened.

    Attributes
    ----------
    refusal
        One sentence; empty if it may.
    since
        From when it may be opened, if the washout is the reason; only this reason can be overridden.
    """

    refusal: str = ""
    since: datetime | None = None

    @property
    def allowed(self) -> bool:
        """Whether it may be opened now."""
        return not self.refusal


@dataclass(frozen=True)
class Allocation:
    """The reading lists of all readers; on a reader's machine, of that reader."""

    rows: tuple[Row, ...]

    @cached_property
    def _sessions(self) -> dict[str, dict[int, list[Row]]]:
        found: dict[str, dict[int, list[Row]]] = {}
        for row in self.rows:
            found.setdefault(row.reader, {}).setdefault(row.session, []).append(row)
        return found

    @property
    def readers(self) -> tuple[str, ...]:
        """In the order of the table."""
        return tuple(self._sessions)

    def sessions(self, reader: str) -> tuple[int, ...]:
        """The session numbers of one reader, ascending.

        Raises
        ------
        InputError
            If there is no such reader.
        """
        if reader not in self._sessions:
            raise InputError(f"There is no reader {reader} in this study: choose from {', '.join(self.readers)}.")
        return tuple(sorted(self._sessions[reader]))

    def session(self, reader: str, number: int) -> tuple[Row, ...]:
        """The stimuli of one session in their order.

        Raises
        ------
        InputError
            If there is no such reader or session.
        """
        numbers = self.sessions(reader)
        if number not in numbers:
            raise InputError(
                f"Reader {reader} has no session {number}: choose from {', '.join(str(n) for n in numbers)}."
            )
        return tuple(sorted(self._sessions[reader][number], key=lambda row: row.order))

    def of(self, reader: str) -> Allocation:
        """The reading list of one reader alone."""
        self.sessions(reader)
        return Allocation(tuple(row for row in self.rows if row.reader == reader))

    def extended(self, rows: Iterable[Row]) -> Allocation:
        """With more rows at its end."""
        return Allocation((*self.rows, *rows))

    @property
    def content(self) -> bytes:
        """The text of ``allocation.csv``."""
        stream = io.StringIO()
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(_COLUMNS)
        table.writerows((*astuple(row)[:-1], int(row.practice)) for row in self.rows)
        return stream.getvalue().encode("utf-8")

    @property
    def sha256(self) -> str:
        """Of the text of ``allocation.csv``."""
        return hashlib.sha256(self.content).hexdigest()

    def write(self, path: Path) -> None:
        """Write ``allocation.csv`` in one move."""
        with written_whole(path) as temporary:
            temporary.write_bytes(self.content)

    @classmethod
    def read(cls, path: Path) -> Allocation:
        """Read ``allocation.csv``.

        Raises
        ------
        InputError
            If it is missing or damaged; names the row.
        """
        try:
            with path.open(encoding="utf-8", newline="") as stream:
                table = list(csv.reader(stream))
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path} cannot be read: copy the study folder again.") from error
        if not table or tuple(table[0]) != _COLUMNS:
            raise InputError(f"{path.name}, row 1: the columns must be {','.join(_COLUMNS)}.")
        rows, seen = [], set()
        for number, values in enumerate(table[1:], start=2):
            try:
                reader, session, order, stimulus, group, block, practice = values
                row = Row(reader, int(session), int(order), stimulus, int(group), int(block), bool(int(practice)))
            except ValueError:
                raise InputError(f"{path.name}, row {number} is damaged: copy the study folder again.") from None
            place = (row.reader, row.session, row.order)
            if place in seen:
                raise InputError(f"{path.name}, row {number}: this place in the session is there twice.")
            seen.add(place)
            rows.append(row)
        return cls(tuple(rows))


_COLUMNS = tuple(field.name for field in fields(Row))


def may_open(
    allocation: Allocation,
    reader: str,
    session: int,
    opened: Mapping[int, datetime],
    now: datetime,
    washout_days: int,
) -> Permission:
    """Whether a reader may open a session now: sessions go in their order, and the washout must be over.

    Parameters
    ----------
    opened
        Session number to the last moment (with time zone) at which this reader had it open; sessions that were never
        opened are absent.
    now
        The moment of the question, with time zone.
    washout_days
        The protocol's.

    Raises
    ------
    InputError
        If there is no such reader or session.
    """
    groups = {row.group for row in allocation.session(reader, session) if not row.practice}
    latest = max(opened.values(), default=now)
    if now < latest:
        return Permission(
            f"The clock of this computer ({_said(now)}) is before the last reading ({_said(latest)}): set it right."
        )
    for earlier in allocation.sessions(reader):
        if earlier < session and earlier not in opened:
            name = "The practice session" if earlier == 0 else f"Session {earlier}"
            return Permission(f"{name} comes before session {session}.")
    ends = [
        moment + timedelta(days=washout_days)
        for other, moment in opened.items()
        if other != session and groups & {row.group for row in allocation.session(reader, other) if not row.practice}
    ]
    since = max(ends, default=now)
    if now < since:
        return Permission(
            f"Session {session} may be opened from {_said(since)} on: {washout_days} days must lie between two reads "
            "of the same patients.",
            since,
        )
    return Permission()


def _said(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
