"""Who reads which stimulus in which session and order: made once from a seed, balanced, different for each reader.

A study's allocation is a row of batches. The first batch is made with the study, each later one when cases are added.
A batch depends on the seed, its own number and its own cases only, so nothing that is there is ever reordered.

Within a batch every reader has the same number of sessions. A period is one pass through the cases, divided among its
sittings; each later period shows the same cases in another arm. The cases of one sitting are a group, and stay one in
every period: sessions that share a group show the same patients, and the washout is between them.

How it is balanced, for each reader:

- The sequence in which a case meets the arms is a row of a Williams design (Williams 1949: each arm equally often in
  each period, and after each other arm). Cases are put in random order within their truth and site and dealt in turn to
  sequences and sittings: the counts of any two pairs of sequence and sitting differ by at most 1 within each truth, and
  within each site of a truth. Readers are taken in teams of as many as there are sequences: within a team, every case
  is read once in every sequence.
- The stimuli of a session are put in random order within truth, arm and site and dealt to blocks in turn; each block is
  then shuffled. Any two blocks differ by at most 1 in each truth and in each arm within a truth.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from SynthPerfLib.errors import InputError

from .protocol import Protocol

ALGORITHM = "stratified-williams-blocks"
VERSION = 1

T = TypeVar("T")


class Use(enum.IntEnum):
    """What a stream of random numbers is for: the first part of its spawn key."""

    PEOPLE = 0
    PRACTICE = 1
    TEAM = 2
    READER = 3
    PLACES = 4


@dataclass(frozen=True)
class Subject:
    """A case as the allocation sees it.

    Attributes
    ----------
    id
        The case.
    truth, site
        What it is balanced by; empty where unknown.
    """

    id: str
    truth: str = ""
    site: str = ""


@dataclass(frozen=True)
class Read:
    """One read as planned, with what is sealed.

    Attributes
    ----------
    arms
        One arm; in a sequential design the arms of the stages.
    repeat
        1, or 2 for a hidden second read.
    session, order, group, block, practice
        As in :class:`~.allocation.Row`.
    """

    reader: str
    session: int
    order: int
    case: str
    arms: tuple[str, ...]
    repeat: int
    group: int
    block: int
    practice: bool


def plan(protocol: Protocol, subjects: Sequence[Subject], seed: int, batch: int = 1) -> tuple[Read, ...]:
    """The reads of one batch of cases, reader by reader, session by session, in order.

    Parameters
    ----------
    subjects
        The cases of this batch alone.
    seed
        Of the whole study.
    batch
        1 for the cases the study begins with, then 2, 3, ... as cases are added.

    Raises
    ------
    InputError
        If there are too few cases for the design.
    """
    design = protocol.design
    ordered = sorted(subjects, key=lambda s: s.id)  # the order in which a folder is listed decides nothing
    practice = _practice(protocol, ordered, seed) if batch == 1 else []
    rest = [subject for subject in ordered if subject not in practice]
    groups = design.groups or 1
    least = max(2, groups * _fewest(protocol)) if batch == 1 else groups
    if len(rest) < least:
        beside = f" beside {len(practice)} for practice" if practice else ""
        raise InputError(f"{len(rest)} cases are too few for this design, it needs at least {least}{beside}.")
    words = {subject.truth for subject in rest}
    if protocol.truth is not None and batch == 1 and len(words) < 2:
        raise InputError(f"All {len(rest)} cases that would be read are {words.pop()}: the study needs cases of both.")
    shared = generator(seed, Use.TEAM, batch)
    parts = [rest] if groups == 1 else _dealt(mixed(rest, _stratum, shared), groups)
    reads: list[Read] = []
    for place, (reader, group) in enumerate(_people(protocol, seed)):
        own = parts[group] if design.split == "cases" else rest
        sequences = _sequences(protocol, group)
        team, member = divmod(place // groups if design.split == "cases" else place, len(sequences))
        reads += _list_of(reader, own, sequences, protocol, seed, batch, (group if groups > 1 else 0, team), member)
        if practice:
            reads += _practice_of(reader, practice, sequences, seed)
    order = {reader.id: number for number, reader in enumerate(protocol.reading)}
    return tuple(sorted(reads, key=lambda read: (order[read.reader], read.session, read.order)))


def _fewest(protocol: Protocol) -> int:
    """Cases that a reader needs so that no session is empty."""
    sequences = _sequences(protocol, 0)
    return len(sequences) * (protocol.design.sessions // len(sequences[0]) - 1) + 1


def _list_of(
    reader: str,
    subjects: Sequence[Subject],
    sequences: Sequence[Sequence[tuple[str, ...]]],
    protocol: Protocol,
    seed: int,
    batch: int,
    team: tuple[int, int],
    member: int,
) -> list[Read]:
    """The reads of one reader in one batch."""
    design = protocol.design
    periods, count = len(sequences[0]), len(sequences)
    sittings = design.sessions // periods
    session_base = (batch - 1) * (design.sessions + (design.repeats is not None))
    group_base = (batch - 1) * sittings
    own = generator(seed, Use.READER, batch, _number(protocol, reader))
    together = generator(seed, Use.TEAM, batch, *team)
    cases = mixed(subjects, _stratum, together)
    turn = together.permutation(count)
    sessions: dict[int, list[Read]] = {}
    for k, subject in enumerate(cases):
        sequence = sequences[(turn[k % count] + member) % count]
        sitting = k // count % sittings
        for period, arms in enumerate(sequence):
            session = session_base + period * sittings + sitting + 1
            read = Read(reader, session, 0, subject.id, arms, 1, group_base + sitting + 1, 0, False)
            sessions.setdefault(session, []).append(read)
    if design.repeats is not None:
        session = session_base + design.sessions + 1
        number = design.repeats.number(len(cases))
        candidates = list(enumerate(cases))
        chosen = mixed(candidates, lambda pair: _stratum(pair[1]), own)
        start = int(own.integers(periods))
        for i in range(number):  # evenly along the strata
            k, subject = chosen[int((i + 0.5) * len(chosen) / number)]
            arms = sequences[0][(start + i) % periods]
            read = Read(reader, session, 0, subject.id, arms, 2, group_base + k // count % sittings + 1, 0, False)
            sessions.setdefault(session, []).append(read)
    known = {subject.id: subject for subject in subjects}
    return [read for session in sorted(sessions) for read in _blocks(sessions[session], known, design.block, own)]


def _blocks(reads: Sequence[Read], known: Mapping[str, Subject], size: int, random: np.random.Generator) -> list[Read]:
    """The reads of one session in their order, dealt to balanced blocks."""

    def key(read: Read) -> tuple[str, ...]:
        subject = known[read.case]
        return (subject.truth, *read.arms, subject.site)

    blocks = -(-len(reads) // size)
    dealt = _dealt(mixed(reads, key, random), blocks)
    placed = [
        (block, read)
        for block, number in enumerate(random.permutation(blocks), start=1)
        for read in _shuffled(dealt[number], random)
    ]
    return [
        Read(r.reader, r.session, order, r.case, r.arms, r.repeat, r.group, block, r.practice)
        for order, (block, r) in enumerate(placed, start=1)
    ]


def _practice(protocol: Protocol, subjects: Sequence[Subject], seed: int) -> list[Subject]:
    """The cases taken out for practice, evenly from every truth and site."""
    number = protocol.design.practice.cases
    if not number:
        return []
    cases = mixed(subjects, _stratum, generator(seed, Use.PRACTICE))
    number = min(number, len(cases))
    return [cases[int((i + 0.5) * len(cases) / number)] for i in range(number)]


def _practice_of(
    reader: str, subjects: Sequence[Subject], sequences: Sequence[Sequence[tuple[str, ...]]], seed: int
) -> list[Read]:
    """Session 0: every practice case once, arm after arm in turn; the same for all readers, as training is."""
    order = _shuffled(subjects, generator(seed, Use.PRACTICE, 1))
    arms = sequences[0]
    return [
        Read(reader, 0, number, subject.id, arms[(number - 1) % len(arms)], 1, 0, 1, True)
        for number, subject in enumerate(order, start=1)
    ]


def _people(protocol: Protocol, seed: int) -> list[tuple[str, int]]:
    """Readers in random order, each with the group that he is in for the whole study."""
    design = protocol.design
    readers = _shuffled([reader.id for reader in protocol.reading], generator(seed, Use.PEOPLE))
    groups = len(protocol.arms) if design.split == "readers" else design.groups or 1
    return [(reader, place % groups) for place, reader in enumerate(readers)]


def _sequences(protocol: Protocol, group: int) -> list[list[tuple[str, ...]]]:
    """The sequences of arms that a case can take, period by period."""
    design, arms = protocol.design, [arm.id for arm in protocol.arms]
    if design.kind == "sequential":
        return [[design.order]]
    if design.split == "readers":
        return [[(arms[group],)]]
    return [[(arms[i],) for i in row] for row in williams(len(arms))]


def williams(n: int) -> list[list[int]]:
    """The rows of a Williams design of ``n`` treatments: ``n`` rows if ``n`` is even, else ``2 n`` (1 for n = 1).

    Every treatment is equally often in every period and follows every other equally often (Williams EJ. Experimental
    designs balanced for the estimation of residual effects of treatments. Aust J Sci Res A 1949;2:149-168).
    """
    if n == 1:
        return [[0]]
    first = [0] + [(k + 1) // 2 if k % 2 else n - k // 2 for k in range(1, n)]
    rows = [[(value + shift) % n for value in first] for shift in range(n)]
    return rows if n % 2 == 0 else rows + [row[::-1] for row in rows]


def generator(seed: int, use: Use, *key: int) -> np.random.Generator:
    """PCG64 on a stream of its own for each ``use`` and ``key``."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(use, *key))))


def _number(protocol: Protocol, reader: str) -> int:
    return [r.id for r in protocol.reading].index(reader)


def _stratum(subject: Subject) -> tuple[str, ...]:
    return subject.truth, subject.site


def _shuffled(items: Sequence[T], random: np.random.Generator) -> list[T]:
    return [items[i] for i in random.permutation(len(items))]


def mixed(items: Iterable[T], key: Callable[[T], tuple[str, ...]], random: np.random.Generator) -> list[T]:
    """``items`` sorted by ``key``, in random order where it is equal."""
    return sorted(_shuffled(list(items), random), key=key)


def _dealt(items: Sequence[T], hands: int) -> list[list[T]]:
    """Like cards, one to each in turn."""
    return [list(items[hand::hands]) for hand in range(hands)]
