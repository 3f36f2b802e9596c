"""The properties of an allocation, for many designs: balance, washout, stability, reproducibility."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from SynthPerfLib.errors import InputError
from SynthPerfReaderStudyLib.allocation import Allocation, Row, may_open
from SynthPerfReaderStudyLib.codebook import code_of, entries_for
from SynthPerfReaderStudyLib.planning import Read, Subject, plan, williams
from SynthPerfReaderStudyLib.protocol import Protocol

SECRET = "ab" * 32
START = datetime(2026, 1, 5, 9, 0, tzinfo=timezone.utc)


def protocol(arms: int, readers: int, design: dict[str, Any], maps: int = 1, **more: Any) -> Protocol:
    """A protocol with so many arms, each of ``maps`` synthetic maps."""
    names = [[f"i{arm}m{n}" for n in range(maps)] for arm in range(arms)]
    return Protocol.model_validate(
        {
            "schema": 1,
            "title": "Any",
            "truth": {"column": "diagnosis", "positive": "1", "negative": "0"},
            "images": {id: {"modality": "CBV", "source": "synthetic", "bundle": id} for row in names for id in row},
            "display": {"CBV": {"range": [0, 8], "unit": "mL/100 g"}},
            "arms": [{"id": f"arm{n}", "title": f"Title {n}", "layout": [row]} for n, row in enumerate(names)],
            "questions": [{"id": "grade", "kind": "likert", "text": "?", "anchors": {0: "no", 1: "yes"}}],
            "design": design,
            "readers": [{"id": f"R{n}"} for n in range(readers)],
            **more,
        }
    )


@st.composite
def designs(draw: st.DrawFn) -> tuple[Protocol, list[Subject], int]:
    """Any design that a protocol can have, with enough cases of any mixture, and a seed."""
    kind = draw(st.sampled_from(["fully_crossed", "sequential", "cases", "readers"]))
    arms = draw(st.integers(2 if kind in ("sequential", "readers") else 1, 4))
    readers = draw(st.integers(arms if kind == "readers" else 2, 6))
    periods = 1 if kind in ("sequential", "readers") else arms
    sittings = draw(st.integers(1, 3))
    design: dict[str, Any] = {
        "kind": kind if kind in ("fully_crossed", "sequential") else "split_plot",
        "sessions": periods * sittings,
        "block": draw(st.integers(2, 10)),
        "practice": {"cases": draw(st.integers(0, 3))},
    }
    groups = 1
    if kind == "sequential":
        design["order"] = [f"arm{n}" for n in reversed(range(arms))]
    if kind in ("cases", "readers"):
        design["split"] = kind
    if kind == "cases":
        groups = design["groups"] = draw(st.integers(2, readers))
    repeats = draw(st.sampled_from([None, {"share": 0.2}, {"count": 3}]))
    if repeats:
        design["repeats"] = repeats
    if periods > 1 or repeats:
        design["washout_days"] = draw(st.integers(1, 60))
    least = groups * len(williams(arms)) * sittings + design["practice"]["cases"] + 4
    cases = draw(st.integers(least, least + 30))
    positives = draw(st.integers(design["practice"]["cases"] + 1, cases - design["practice"]["cases"] - 1))
    sites = draw(st.integers(1, 3))
    subjects = [Subject(f"sub-{n:03d}", str(int(n < positives)), "ABC"[n * 7 % sites]) for n in range(cases)]
    return protocol(arms, readers, design), subjects, draw(st.integers(0, 2**63))


def by(items: Iterable[Read], key: Callable[[Read], Hashable]) -> dict[Hashable, list[Read]]:
    groups: dict[Hashable, list[Read]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def spread(counts: Iterable[int]) -> int:
    counts = list(counts)
    return max(counts) - min(counts)


def rows_of(reads: Iterable[Read]) -> list[Row]:
    return [
        Row(r.reader, r.session, r.order, code_of(SECRET, r.case, r.arms, r.repeat), r.group, r.block, r.practice)
        for r in reads
    ]


@settings(max_examples=250)
@given(designs())
def test_every_design_is_complete_balanced_and_never_shows_two_arms_in_a_session(
    drawn: tuple[Protocol, list[Subject], int],
) -> None:
    made, subjects, seed = drawn
    design = made.design
    truth = {subject.id: subject.truth for subject in subjects}
    reads = plan(made, subjects, seed)
    practice = {read.case for read in reads if read.practice}
    assert len(practice) == design.practice.cases
    arms = [arm.id for arm in made.arms]
    units = [design.order] if design.kind == "sequential" else [(arm,) for arm in arms]
    cells: Counter[tuple[str, str, tuple[str, ...]]] = Counter()
    for reader in made.reading:
        own = [read for read in reads if read.reader == reader.id]
        study = [read for read in own if not read.practice]
        first = [read for read in study if read.repeat == 1]
        assert not practice & {read.case for read in study}
        cells.update((read.reader, read.case, read.arms) for read in first)

        # never a case twice in a session, whichever arm; places are 1, 2, ... without a gap
        for session in by(own, lambda r: r.session).values():
            assert len({read.case for read in session}) == len(session)
            assert [read.order for read in session] == list(range(1, len(session) + 1))
        assert {read.session for read in study} == set(range(1, design.sessions + (design.repeats is not None) + 1))

        # what a reader reads: each of his cases in each of his arms
        seen = {read.arms for read in first}
        assert seen <= set(units)
        assert len(first) == len({read.case for read in first}) * len(seen)
        if design.split != "readers":
            assert seen == set(units)

        # hidden repeats: as many as asked, of reads that were made, apart from them in session, under other codes
        if design.repeats is not None:
            again = [read for read in study if read.repeat == 2]
            assert len(again) == design.repeats.number(len({read.case for read in first}))
            where = {(read.case, read.arms): read.session for read in first}
            assert all(read.session > where[read.case, read.arms] for read in again)

        # sessions share patients if and only if they share a group
        cases_in = {n: {r.case for r in part} for n, part in by(study, lambda r: r.session).items()}
        groups_in = {n: {r.group for r in part} for n, part in by(study, lambda r: r.session).items()}
        for a in cases_in:
            for b in cases_in:
                if cases_in[a] & cases_in[b]:
                    assert groups_in[a] & groups_in[b]

        # balance of the sequences: in every session each arm equally often, and so within each truth
        for session in by(first, lambda r: r.session).values():
            for word in ({"0"}, {"1"}, {"0", "1"}):
                counts = Counter(read.arms for read in session if truth[read.case] in word)
                assert spread(counts[unit] for unit in seen) <= (2 if len(units) == 3 else 1)
            blocks = by(session, lambda r: r.block)
            assert list(blocks) == sorted(blocks)
            assert spread(len(block) for block in blocks.values()) <= 1
            assert max(len(block) for block in blocks.values()) <= design.block
            for word in ("0", "1"):
                assert spread(sum(truth[r.case] == word for r in block) for block in blocks.values()) <= 1
                for unit in seen:
                    counts_in = [sum((truth[r.case], r.arms) == (word, unit) for r in b) for b in blocks.values()]
                    assert spread(counts_in) <= 1

        # balance of the sittings by truth
        sittings = by((r for r in first if r.arms == first[0].arms), lambda r: r.group).values()
        for word in ("0", "1"):
            sequences = len(williams(len(arms))) if len(seen) > 1 else 1
            assert spread(sum(truth[r.case] == word for r in part) for part in sittings) <= sequences
    assert set(cells.values()) == {1}

    # who reads which case
    read_by = {
        case: {r.reader for r in part}
        for case, part in by((r for r in reads if not r.practice), lambda r: r.case).items()
    }
    assert set(read_by) == {subject.id for subject in subjects} - practice
    if design.split == "cases":
        parts = Counter(frozenset(readers) for readers in read_by.values())
        assert len(parts) == design.groups
        assert spread(parts.values()) <= 1
        assert spread(len(readers) for readers in parts) <= 1
        assert sum(len(readers) for readers in parts) == len(made.reading)
    else:
        assert all(len(readers) == len(made.reading) for readers in read_by.values())
    if design.split == "readers":
        assert spread(Counter(read.arms for read in reads if not read.practice and read.repeat == 1).values()) <= len(
            subjects
        )


@settings(max_examples=100)
@given(designs(), st.randoms())
def test_equal_seeds_give_equal_allocations_and_others_do_not(
    drawn: tuple[Protocol, list[Subject], int], random: Any
) -> None:
    made, subjects, seed = drawn
    reads = plan(made, subjects, seed)
    listed = list(subjects)
    random.shuffle(listed)
    assert plan(made, listed, seed) == reads
    assert plan(made, subjects, seed + 1) != reads
    orders = {
        reader.id: tuple((r.case, r.arms) for r in reads if r.reader == reader.id and r.session == 1)
        for reader in made.reading
    }
    large = [order for order in orders.values() if len(order) >= 8]
    assert len(set(large)) == len(large)  # different for every reader


@settings(max_examples=100)
@given(designs(), st.integers(1, 20))
def test_added_cases_are_appended_and_reorder_nothing(drawn: tuple[Protocol, list[Subject], int], added: int) -> None:
    made, subjects, seed = drawn
    added = max(added, made.design.groups or 1)
    fresh = [Subject(f"sub-9{n:03d}", str(n % 2), "A") for n in range(added)]
    before = Allocation(tuple(rows_of(plan(made, subjects, seed))))
    second = plan(made, fresh, seed, batch=2)
    whole = before.extended(rows_of(second))
    assert whole.rows[: len(before.rows)] == before.rows
    assert whole.content.startswith(before.content)
    old_sessions = {row.session for row in before.rows}
    old_groups = {row.group for row in before.rows}
    assert not old_sessions & {read.session for read in second}
    assert not old_groups & {read.group for read in second}
    assert not any(read.practice for read in second)
    for session in by(second, lambda r: (r.reader, r.session)).values():
        assert len({read.case for read in session}) == len(session)
    assert plan(made, fresh, seed, batch=2) == second


@settings(max_examples=60)
@given(designs(), st.data())
def test_by_the_clock_no_case_is_read_twice_within_the_washout(
    drawn: tuple[Protocol, list[Subject], int], data: st.DataObject
) -> None:
    made, subjects, seed = drawn
    reads = plan(made, subjects, seed)
    allocation = Allocation(tuple(rows_of(reads)))
    days = made.design.washout_days
    reader = data.draw(st.sampled_from(allocation.readers))
    cases = by((r for r in reads if r.reader == reader and not r.practice), lambda r: r.session)
    opened: dict[int, datetime] = {}
    last: dict[str, datetime] = {}
    now = START
    for session in allocation.sessions(reader):
        while not (answer := may_open(allocation, reader, session, opened, now, days)).allowed:
            assert answer.since is not None
            assert answer.since > now
            now = data.draw(st.sampled_from([now + (answer.since - now) / 2, answer.since]))
        for read in cases.get(session, ()):
            assert now - last.get(read.case, now - timedelta(days=days)) >= timedelta(days=days)
            last[read.case] = now
        opened[session] = now
        now += timedelta(hours=data.draw(st.integers(0, 40)))


CROSSED = protocol(2, 2, {"kind": "fully_crossed", "sessions": 4, "washout_days": 28, "practice": {"cases": 1}})
SUBJECTS = [Subject(f"sub-{n:02d}", str(n % 2)) for n in range(21)]
LISTS = Allocation(tuple(rows_of(plan(CROSSED, SUBJECTS, 7))))


def test_a_session_is_refused_until_the_washout_is_over_and_says_when_that_is() -> None:
    opened = {0: START, 1: START, 2: START + timedelta(days=7)}
    early = START + timedelta(days=27)
    answer = may_open(LISTS, "R0", 3, opened, early, 28)
    assert not answer.allowed
    assert answer.since == START + timedelta(days=28)
    assert answer.refusal == (
        "Session 3 may be opened from 2026-02-02 09:00 UTC on: 28 days must lie between two reads of the same patients."
    )
    assert may_open(LISTS, "R0", 3, opened, START + timedelta(days=28), 28).allowed  # session 2 is of other patients
    opened[3] = START + timedelta(days=28)
    assert may_open(LISTS, "R0", 4, opened, START + timedelta(days=35), 28).allowed
    assert may_open(LISTS, "R0", 4, opened, START + timedelta(days=34), 28).since == START + timedelta(days=35)


def test_an_earlier_session_is_not_taken_up_again_after_the_same_patients_were_read_in_another_arm() -> None:
    opened = {0: START, 1: START, 2: START, 3: START + timedelta(days=28)}
    assert not may_open(LISTS, "R0", 1, opened, START + timedelta(days=29), 28).allowed
    assert may_open(LISTS, "R0", 3, opened, START + timedelta(days=29), 28).allowed


def test_sessions_go_in_their_order() -> None:
    assert may_open(LISTS, "R0", 1, {}, START, 28).refusal == "The practice session comes before session 1."
    assert may_open(LISTS, "R0", 2, {0: START}, START, 28).refusal == "Session 1 comes before session 2."
    assert may_open(LISTS, "R0", 2, {}, START, 28).since is None


def test_a_clock_that_was_set_back_is_told() -> None:
    answer = may_open(LISTS, "R0", 1, {0: START}, START - timedelta(hours=1), 28)
    assert "clock" in answer.refusal
    assert answer.since is None


def test_times_of_other_zones_are_the_same_moments() -> None:
    there = timezone(timedelta(hours=9))
    opened = {0: START.astimezone(there), 1: START.astimezone(there), 2: START}
    assert may_open(LISTS, "R0", 3, opened, START + timedelta(days=28), 28).allowed


def test_unknown_readers_and_sessions_are_named() -> None:
    with pytest.raises(InputError, match="no reader R9 in this study: choose from R0, R1"):
        LISTS.sessions("R9")
    with pytest.raises(InputError, match="R0 has no session 9: choose from 0, 1, 2, 3, 4"):
        LISTS.session("R0", 9)


def test_the_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    LISTS.write(tmp_path / "allocation.csv")
    again = Allocation.read(tmp_path / "allocation.csv")
    assert again == LISTS
    assert again.sha256 == LISTS.sha256
    header, first = (tmp_path / "allocation.csv").read_text().splitlines()[:2]
    assert header == "reader,session,order,stimulus,group,block,practice"
    assert first.startswith("R0,0,1,")
    double = Allocation((LISTS.rows[0], replace(LISTS.rows[0], stimulus="X")))
    double.write(tmp_path / "double.csv")
    with pytest.raises(InputError, match=r"double\.csv, row 3: this place in the session is there twice"):
        Allocation.read(tmp_path / "double.csv")


@pytest.mark.parametrize("n", range(1, 9))
def test_a_williams_design_is_balanced_for_place_and_for_what_comes_before(n: int) -> None:
    rows = williams(n)
    assert len(rows) == (1 if n == 1 else n if n % 2 == 0 else 2 * n)
    assert all(sorted(row) == list(range(n)) for row in rows)
    assert {tuple(Counter(row[k] for row in rows).values()) for k in range(n)} == {(len(rows) // n,) * n}
    after = Counter(pair for row in rows for pair in itertools.pairwise(row))
    assert len(after) == n * (n - 1)
    assert len(set(after.values())) <= 1


def test_each_case_is_read_in_each_sequence_by_equally_many_readers() -> None:
    made = protocol(2, 6, {"kind": "fully_crossed", "sessions": 2, "washout_days": 28})
    reads = plan(made, SUBJECTS, 3)
    first = Counter((r.case, r.arms) for r in reads if r.session == 1)
    assert set(first.values()) == {3}


def test_too_few_cases_for_the_sessions_are_refused() -> None:
    made = protocol(2, 2, {"kind": "fully_crossed", "sessions": 8, "washout_days": 28})
    with pytest.raises(InputError, match="6 cases are too few for this design, it needs at least 7"):
        plan(made, SUBJECTS[:6], 1)
    assert {read.session for read in plan(made, SUBJECTS[:7], 1)} == set(range(1, 9))
    practising = protocol(1, 1, {"kind": "fully_crossed", "practice": {"cases": 3}})
    with pytest.raises(InputError, match=r"1 cases are too few .* at least 2 beside 3 for practice"):
        plan(practising, SUBJECTS[:4], 1)


def test_codes_tell_nothing_and_differ() -> None:
    made = protocol(2, 3, {"kind": "fully_crossed", "sessions": 2, "washout_days": 1, "repeats": {"share": 1.0}})
    reads = plan(made, SUBJECTS, 1)
    different = {(r.case, r.arms, r.repeat) for r in reads}
    codes = {key: code_of(SECRET, *key) for key in different}
    assert len(set(codes.values())) == len(different)
    assert all(len(code) == 10 and not set(code) & set("AEIOU01") for code in codes.values())
    assert {code_of("cd" * 32, *key) for key in different}.isdisjoint(codes.values())
    assert {code_of(SECRET, *key) for key in different} == set(codes.values())
    entries = entries_for(made, reads, SECRET, 1, 1, {s.id: s.truth for s in SUBJECTS})
    assert {code: (e.case, e.arms, e.repeat) for code, e in entries.items()} == {c: key for key, c in codes.items()}


@settings(max_examples=40)
@given(maps=st.integers(2, 3), cases=st.integers(6, 40), seed=st.integers(0, 2**32))
def test_maps_stand_in_every_order_equally_often(maps: int, cases: int, seed: int) -> None:
    made = protocol(
        2, 2, {"kind": "fully_crossed", "sessions": 2, "washout_days": 1}, maps, blinding={"left_right": True}
    )
    subjects = [Subject(f"sub-{n:02d}", str(n % 2)) for n in range(cases)]
    truth = {subject.id: subject.truth for subject in subjects}
    entries = entries_for(made, plan(made, subjects, seed), SECRET, seed, 1, truth)
    orders = 2 if maps == 2 else 6
    for arm in ("arm0", "arm1"):
        own = [entry for entry in entries.values() if entry.arms == (arm,)]
        places = Counter(entry.layout for entry in own)
        assert spread([*places.values(), *[0] * (orders - len(places))]) <= 1
        assert all([entry.images[f"map_{c}"] for c in "abc"[:maps]] == list(entry.layout[0][0]) for entry in own)
        for word in ("0", "1"):
            counts = Counter(entry.layout for entry in own if truth[entry.case] == word)
            assert spread([*counts.values(), *[0] * (orders - len(counts))]) <= 1
