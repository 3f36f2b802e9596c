"""What a session goes through, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..protocol import Question
from ..records import Kind, Role
from ..study import Study


@dataclass(frozen=True)
class Plan:
    """What a session goes through.

    Attributes
    ----------
    reader, session, role
        Who, in which session (id), in which part.
    number
        The session's number in the allocation; 0 is practice.
    codes
        The stimuli in their order.
    practice
        Those whose answers are for training only.
    items
        Stimulus to the questions asked of it; all of the form's if it is not there.
    first_stage
        The stage at which a stimulus begins.
    regions
        Whether regions are drawn.
    """

    reader: str
    session: str
    number: int
    codes: tuple[str, ...]
    role: Role = Role.READER
    practice: frozenset[str] = frozenset()
    items: Mapping[str, tuple[Question, ...]] = field(default_factory=dict)
    first_stage: int = 1
    regions: bool = True

    @property
    def answer_kind(self) -> Kind:
        """The kind of event that holds an answer."""
        return Kind.ANSWER if self.role is Role.READER else Kind.ADJUDICATION_ANSWER


def session_id(reader: str, number: int) -> str:
    """The id of a session of the allocation."""
    return f"{reader}-{number}"


def plans(study: Study, reader: str) -> tuple[Plan, ...]:
    """The sessions of one reader in their order.

    Raises
    ------
    InputError
        If the allocation does not know the reader.
    """
    found = []
    for number in study.allocation.sessions(reader):
        rows = study.allocation.session(reader, number)
        practice = frozenset(row.stimulus for row in rows if row.practice)
        codes = tuple(row.stimulus for row in rows)
        found.append(Plan(reader, session_id(reader, number), number, codes, practice=practice))
    return tuple(found)
