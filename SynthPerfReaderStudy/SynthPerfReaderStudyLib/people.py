"""Who has a part in a study, and which."""

from __future__ import annotations

from dataclasses import dataclass

from SynthPerfLib.errors import InputError

from .adjudication import CONSENSUS
from .records import Role
from .study import Study

COORDINATOR = "coordinator"
"""Who coordinates a study whose protocol names nobody for it."""


@dataclass(frozen=True)
class Person:
    """One person, by pseudonym, or the readers together (:data:`~.adjudication.CONSENSUS`)."""

    name: str
    role: Role


def people_of(study: Study, only: str | None = None) -> tuple[Person, ...]:
    """Everyone who has a part in this study: its readers; in the coordinator's folder also those who decide and
    coordinate.

    Parameters
    ----------
    only
        The one person that is wanted.

    Raises
    ------
    InputError
        If there is no such person.
    """
    people = [Person(reader, Role.READER) for reader in study.allocation.readers]
    if is_whole(study):
        protocol = study.protocol
        if protocol.adjudication is not None and protocol.adjudication.by == CONSENSUS:
            people.append(Person(CONSENSUS, Role.ADJUDICATOR))
        others = [person for person in protocol.readers if person.role != "reader"]
        people += [Person(person.id, Role(person.role)) for person in others]
        if not any(person.role is Role.COORDINATOR for person in people):
            people.append(Person(COORDINATOR, Role.COORDINATOR))
    if only is None:
        return tuple(people)
    found = tuple(person for person in people if person.name == only)
    if not found:
        raise InputError(f"{only} has no part in this study: choose from {', '.join(p.name for p in people)}.")
    return found


def is_whole(study: Study) -> bool:
    """Whether it is the coordinator's folder, not a reader's copy."""
    return (study.folder / "protocol.yaml").is_file()
