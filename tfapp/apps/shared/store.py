"""The applications' database: SQLite in a file, or PostgreSQL by its URL."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from sqlalchemy import Connection, DateTime, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    DatabaseError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from tfapp.apps.shared import migrations
from tfapp.apps.shared.database_url import parse_url, shown_url
from tfapp.core.files import narrow, private_folder, private_opener
from tfapp.errors import StoreError

__all__ = ["Base", "Store", "UtcTime", "chunks", "make_private_folder"]

T = TypeVar("T")

# Seconds: together longer than a database server takes to restart.
_PAUSES: Final = (0.1, 0.3, 1.0, 3.0, 5.0)
# The execution option of a connection that changes nothing.
_READS: Final = "tfapp_reads"
# What a database's own words say about the way out; the last one fits all.
_WAYS_OUT: Final = (
    (("full", "no space", "disk quota"), "free some space on its disk"),
    (("readonly", "read-only", "permission denied"), "make it writable for this user, or name another database"),
    (("not a database", "malformed", "disk i/o"), "it is damaged, or no database: restore a copy, or name another"),
    (("locked",), "another program holds it for long; try again"),
    (
        ("already exists", "no such table", "no such column", "relation", "column"),
        "its tables are another program's, or damaged: name another database, or restore a copy",
    ),
    (("",), "check that it runs and that the URL is right"),
)
# PostgreSQL's codes for tables that are not as they should be: undefined, there already, of other columns, forbidden.
_WRONG_TABLES: Final = ("42P01", "42P07", "42703", "42501")
# The lines in which PostgreSQL repeats what is stored.
_DETAIL: Final = re.compile(r"\n\s*(?:DETAIL|CONTEXT|HINT|LINE \d+):")


class Base(DeclarativeBase):
    """The base class of the tables of all applications."""


class UtcTime(TypeDecorator[datetime]):
    """A time with its zone; SQLite keeps none, so UTC is put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        """Converts to UTC, as it is written."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        """Puts UTC back, as it is read."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Store:
    """A database with the applications' tables, brought up to date when it is opened.

    Example:
        >>> with Store.open("sqlite://") as store:
        ...     store.read(lambda session: session.connection().dialect.name)
        'sqlite'
    """

    def __init__(
        self, engine: Engine, *, pauses: Sequence[float] = _PAUSES, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._engine = engine
        self._pauses = tuple(pauses)
        self._sleep = sleep

    @classmethod
    def open(
        cls, url: str | Path, *, pauses: Sequence[float] = _PAUSES, sleep: Callable[[float], None] = time.sleep
    ) -> Self:
        """Connects and migrates.

        Args:
            url: A SQLite file, or a URL: `sqlite:///FILE`, `postgresql://USER@HOST/DATABASE`.
            pauses: Seconds to wait before each new try of a unit of work whose connection broke.
            sleep: Waits.

        Raises:
            StoreError: The URL is of no known kind, or the database cannot be reached or is not of this tfapp.
        """
        address = parse_url(url)
        if address.get_backend_name() == "sqlite" and address.database not in (None, "", ":memory:"):
            make_private_folder(Path(str(address.database)).parent)
            _begin_private(Path(str(address.database)))
        store = cls(_engine(address), pauses=pauses, sleep=sleep)
        try:
            store.run(store._upgrade)
        except BaseException:
            store.close()
            raise
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._engine.dispose()

    def run(self, work: Callable[[Session], T]) -> T:
        """Does a unit of work in one transaction, again from its start where the connection broke.

        Args:
            work: Is given a session. It may run more than once, and of its runs one is kept; so what it adds must
                carry keys of its own, which a second run finds.

        Raises:
            StoreError: The database cannot be reached, or is full, read-only or locked for long.
        """
        return self._transact(self._engine, work)

    def read(self, work: Callable[[Session], T]) -> T:
        """Does a unit of work that only reads; on SQLite it waits for no writer."""
        return self._transact(self._engine.execution_options(**{_READS: True}, postgresql_readonly=True), work)

    def _transact(self, engine: Engine, work: Callable[[Session], T]) -> T:
        for pause in (*self._pauses, None):
            try:
                with Session(engine, expire_on_commit=False) as session, session.begin():
                    return work(session)
            except DBAPIError as error:
                if pause is None or not _passes(error):
                    raise self._explain(error) from error
                self._sleep(pause)
        raise AssertionError("the last try raises")

    def _upgrade(self, session: Session) -> None:
        """Brings the tables up to date, or says whose they are."""
        connection = session.connection()
        try:
            migrations.upgrade(connection)
        except migrations.UnknownRevisionError as error:
            raise StoreError(
                f"{self._address}: its tables are of version {error}, which this tfapp does not know; they are a newer "
                "tfapp's or another program's: install the newest tfapp, or name another database"
            ) from error

    def _explain(self, error: DBAPIError) -> Exception:
        if not _is_damage(error):
            error.args = tuple(_DETAIL.split(str(part))[0] for part in error.args)
            return error
        message = _message(error)
        way_out = next(advice for words, advice in _WAYS_OUT if any(word in message.lower() for word in words))
        return StoreError(f"{self._address}: the database cannot be used: {message}; {way_out}")

    @property
    def _address(self) -> str:
        return shown_url(self._engine.url)


def _is_damage(error: DBAPIError) -> bool:
    """Returns whether the database failed, and not a statement of ours; a connection that fails has no statement."""
    if error.statement is None or isinstance(error, (OperationalError, InterfaceError)) or type(error) is DatabaseError:
        return True
    return getattr(error.orig, "sqlstate", None) in _WRONG_TABLES


def _message(error: DBAPIError) -> str:
    """Returns the database's message on one line."""
    return " ".join(_DETAIL.split(str(error.orig))[0].split())


def make_private_folder(folder: Path, *, passable: bool = False) -> None:
    """Makes a folder, as `tfapp.core.files.private_folder`.

    Raises:
        StoreError: It cannot be made.
    """
    try:
        private_folder(folder, passable=passable)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be made: {error.strerror}; name another folder") from error


def _begin_private(file: Path) -> None:
    """Creates a new SQLite file that only its owner may read; SQLite gives the files beside it the same mode.

    A file that is there keeps its mode: its owner may have opened it to others on purpose.
    """
    if file.exists():
        return
    for suffix in ("-wal", "-shm", "-journal"):
        narrow(file.with_name(f"{file.name}{suffix}"))
    # What keeps it from being opened is told by SQLite.
    with suppress(OSError):
        os.close(private_opener(str(file), os.O_RDWR | os.O_CREAT))


def _engine(address: URL) -> Engine:
    try:
        # What is stored is nobody's business in an error.
        engine = create_engine(address, pool_pre_ping=True, hide_parameters=True)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise StoreError(f"{address.drivername}: its driver is missing; pip install 'tfapp[postgres]'") from error
    if address.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transactions leave out changes of tables; ours begin by the listener above.
    connection.isolation_level = None
    for setting in ("foreign_keys = ON", "journal_mode = WAL", "busy_timeout = 10000"):
        connection.execute(f"PRAGMA {setting}")


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get(_READS, False):
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("PRAGMA query_only = ON")
        return
    connection.exec_driver_sql("PRAGMA query_only = OFF")
    # At once: a transaction that first reads and then writes would fail where another wrote in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _passes(error: DBAPIError) -> bool:
    """Returns whether the same work may succeed a little later."""
    if isinstance(error, IntegrityError) or error.connection_invalidated:
        return True  # somebody else added the same row first; or the connection is gone
    if not isinstance(error, (OperationalError, InterfaceError)):
        return False
    return "sqlite3" not in type(error.orig).__module__ or "locked" in str(error.orig)


def chunks(rows: Iterable[T], size: int = 500) -> Iterator[list[T]]:
    """Yields lists of at most `size` rows; SQLite takes 32766 values in a statement, PostgreSQL 65535.

    Example:
        >>> list(chunks("abcde", 2))
        [['a', 'b'], ['c', 'd'], ['e']]
    """
    iterator = iter(rows)
    while chunk := list(islice(iterator, size)):
        yield chunk
