"""The one table of a log in SQLite or PostgreSQL: how it is opened, what protects it, what its errors mean in words.

SQLite runs with a write-ahead log and full synchronisation (a commit returns after the disk has it) and takes the write
lock when a transaction begins; PostgreSQL is asked for synchronous commits and serialises the writers by an advisory
lock that ends with the transaction. In both, triggers refuse every UPDATE and DELETE and every INSERT that does not go
on the count by one (SQLite's INSERT OR REPLACE would otherwise delete without a DELETE).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Column, MetaData, QueuePool, Table, Text, create_engine, event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from SynthPerfLib.errors import DependencyError, InputError
from SynthPerfLib.images import written_whole

WAIT_SECONDS = 5
_ADVISORY_LOCK = 0x53796E7468506572  # one number for every seat of every version
_ONLY_APPEND = "events are only ever appended"

EVENTS = Table(
    "events",
    MetaData(),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("event", Text, nullable=False),
    Column("hash", Text, nullable=False),
)

# What SQLite keeps of them is compared with these texts when a log is verified.
_SQLITE_SCHEMA = {
    "events": "CREATE TABLE events (seq INTEGER PRIMARY KEY NOT NULL, event TEXT NOT NULL, hash TEXT NOT NULL)",
    "events_update": "CREATE TRIGGER events_update BEFORE UPDATE ON events "
    f"BEGIN SELECT RAISE(ABORT, '{_ONLY_APPEND}'); END",
    "events_delete": "CREATE TRIGGER events_delete BEFORE DELETE ON events "
    f"BEGIN SELECT RAISE(ABORT, '{_ONLY_APPEND}'); END",
    "events_insert": "CREATE TRIGGER events_insert BEFORE INSERT ON events "
    "WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), -1) + 1 FROM events) "
    f"BEGIN SELECT RAISE(ABORT, '{_ONLY_APPEND}'); END",
}
_REFUSE = f"BEGIN RAISE EXCEPTION '{_ONLY_APPEND}'; END"
_NEXT = (
    f"BEGIN IF NEW.seq <> (SELECT coalesce(max(seq), -1) + 1 FROM events) THEN RAISE EXCEPTION '{_ONLY_APPEND}'; "
    "END IF; RETURN NEW; END"
)
_POSTGRES_TRIGGERS = {"events_change": _REFUSE, "events_insert": _NEXT, "events_truncate": _REFUSE}
_POSTGRES_SCHEMA = (
    "CREATE TABLE events (seq BIGINT PRIMARY KEY, event TEXT NOT NULL, hash TEXT NOT NULL)",
    f"CREATE FUNCTION events_refuse() RETURNS trigger LANGUAGE plpgsql AS $${_REFUSE}$$",
    f"CREATE FUNCTION events_next() RETURNS trigger LANGUAGE plpgsql AS $${_NEXT}$$",
    "CREATE TRIGGER events_change BEFORE UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION events_refuse()",
    "CREATE TRIGGER events_truncate BEFORE TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION events_refuse()",
    "CREATE TRIGGER events_insert BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION events_next()",
    "REVOKE UPDATE, DELETE, TRUNCATE ON events FROM PUBLIC",
)


def located(location: str | Path) -> URL:
    """The database of ``location``: a file's path (SQLite) or ``postgresql+pg8000://user@host/database``."""
    if isinstance(location, Path) or "://" not in location:
        return URL.create("sqlite", database=str(Path(location).absolute()))
    try:
        url = make_url(location)
    except ArgumentError:
        url = None
    if url is None or url.drivername not in ("postgresql", "postgresql+pg8000"):
        raise InputError(
            "The address of the records is not understood: give a file, or postgresql+pg8000://user@host/database."
        )
    return url.set(drivername="postgresql+pg8000")


def is_file(url: URL) -> bool:
    """Whether the log is an SQLite file."""
    return url.get_backend_name() == "sqlite"


def path_of(url: URL) -> Path:
    """The file of an SQLite log."""
    return Path(url.database or "")


def wal_of(path: Path) -> Path:
    """The write-ahead log beside an SQLite file; it exists only while a program has the file open, or was killed."""
    return path.with_name(path.name + "-wal")


def create(url: URL, text: str, hash_: str) -> None:
    """Make the table with its protection and its row 0.

    Raises
    ------
    InputError
        If there is one already, or it cannot be written.
    """
    if not is_file(url):
        engine = connected(url)
        with told(url), engine.begin() as connection:
            take_turn(connection)
            if connection.dialect.has_table(connection, EVENTS.name):
                raise InputError(f"The database {named(url)} holds a study already: give every study one of its own.")
            for statement in _POSTGRES_SCHEMA:
                connection.exec_driver_sql(statement)
            connection.execute(EVENTS.insert().values(seq=0, event=text, hash=hash_))
        engine.dispose()
        return
    if path_of(url).exists():
        raise InputError(f"{path_of(url)} exists already: records are never replaced; choose another folder.")
    with told(url), written_whole(path_of(url)) as temporary:
        for left in (temporary, wal_of(temporary)):  # by a killed run
            left.unlink(missing_ok=True)
        engine = _sqlite(temporary, "rwc")
        with engine.begin() as connection:
            for statement in _SQLITE_SCHEMA.values():
                connection.exec_driver_sql(statement)
            connection.execute(EVENTS.insert().values(seq=0, event=text, hash=hash_))
        engine.dispose()


def connected(url: URL, write: bool = True) -> Engine:
    """An engine with the settings of the top of this module; it connects at first use.

    With ``write`` false an SQLite file is opened so that nothing beside it is changed: a write-ahead log that a killed
    program has left stays as it is.
    """
    if is_file(url):
        path = path_of(url)
        if write:
            return _sqlite(path, "rw")
        # SQLite writes beside the file even to read it, unless it is told that nobody else will.
        closed = not wal_of(path).exists() and not os.access(path.parent, os.W_OK)
        return _sqlite(path, "ro&immutable=1" if closed else "ro")
    try:
        engine = create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=90)
    except ModuleNotFoundError:
        raise DependencyError(
            "Records in PostgreSQL need the library pg8000: pip install 'synthperf[study]'."
        ) from None
    event.listen(engine, "connect", _set_postgres)
    return engine


def _sqlite(path: Path, mode: str) -> Engine:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode={mode}",
            uri=True,
            timeout=WAIT_SECONDS,
            isolation_level=None,  # transactions are begun below, not by the driver
            check_same_thread=False,
        )
        # A damaged file may hold what is no UTF-8; its hash says so, reading it must not fail.
        connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
        if not mode.startswith("ro"):
            for setting in ("journal_mode = WAL", "synchronous = FULL", "fullfsync = ON"):
                connection.execute(f"PRAGMA {setting}")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _set_postgres(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("SET synchronous_commit = on")
    cursor.execute(f"SET lock_timeout = '{WAIT_SECONDS}s'")
    cursor.close()
    connection.commit()


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction whose writer is alone until it ends; committed at the end of the block."""
    with engine.connect().execution_options(writing=True) as connection, connection.begin():
        take_turn(connection)
        yield connection


def take_turn(connection: Connection) -> None:
    """Wait until no other seat is writing; SQLite has seen to that when the transaction began."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")


def unprotected(connection: Connection) -> str:
    """What is missing of the protection of the table; empty if it is as it was made."""
    if connection.dialect.name == "sqlite":
        made, query = _SQLITE_SCHEMA, "SELECT name, sql FROM sqlite_master"
    else:
        made = _POSTGRES_TRIGGERS
        query = (
            "SELECT tgname, prosrc FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid "
            "WHERE tgrelid = 'events'::regclass AND NOT tgisinternal AND tgenabled = 'O'"
        )
    there: dict[str, str] = {row[0]: row[1] for row in connection.exec_driver_sql(query)}
    return ", ".join(sorted(name for name in made.keys() | there.keys() if there.get(name) != made.get(name)))


def damage(connection: Connection) -> str:
    """What SQLite finds wrong with the file itself; empty if nothing, or for PostgreSQL, which checks its own pages."""
    if connection.dialect.name != "sqlite":
        return ""
    found = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
    return "" if found == "ok" else " ".join(found.split())


def named(url: URL) -> str:
    """The database's name for a sentence; never with a user or a password."""
    return str(path_of(url)) if is_file(url) else "/".join(part for part in (url.host, url.database) if part)


@contextmanager
def told(url: URL) -> Iterator[None]:
    """Turn what a database complains of into one sentence.

    Raises
    ------
    InputError
        Instead of every error of the driver.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise InputError(_sentence(url, error)) from None


_WORDS = {
    ("disk is full", "53100", "File too large", "No space left"): (
        "There is no space left for {name}: nothing was recorded by this step; free some space and do it again."
    ),
    ("database is locked", "55P03"): (
        "{name} is held by another program: nothing was recorded by this step; close that program and do it again."
    ),
    ("readonly database", "25006", "42501", "Read-only", "Permission denied"): (
        "{name} may not be written: nothing was recorded by this step; check the permissions of file and folder."
    ),
    ("malformed", "not a database", "file is encrypted"): (
        "{name} is damaged; nothing was changed. 'synthperf study verify' says up to which event it can be read."
    ),
    ("no such table", "42P01"): "{name} holds no records of a study; check the address in study.yaml.",
    (_ONLY_APPEND,): "{name}: events are only ever appended; nothing was changed.",
    ("unable to open",): "{name} cannot be opened: check that it is there and that you may read and write its folder.",
    ("disk I/O error",): (
        "{name} could not be written or read, the disk is full or failing: "
        "nothing was recorded by this step; free some space and do it again."
    ),
    ("Can't create a connection", "network error", "28P01", "28000", "3D000", "57P0", "closed"): (
        "The database {name} cannot be reached: nothing was recorded by this step; "
        "check the server, the address and the password."
    ),
}


def _sentence(url: URL, error: Exception) -> str:
    text = str(getattr(error, "orig", None) or error)
    for signs, sentence in _WORDS.items():
        if any(sign in text for sign in signs):
            return sentence.format(name=named(url))
    return f"The records in {named(url)} could not be used ({' '.join(text.split())[:200]}); nothing was recorded."
