"""Takes a file's rows into the database, in transactions of some hundreds, and counts what came of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any, Final, Generic, NamedTuple, TypeVar
from uuid import uuid4

from sqlalchemy import String, Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from tfapp.apps.shared.records import SetAside
from tfapp.apps.shared.store import Store, UtcTime
from tfapp.core.clock import Clock
from tfapp.data.stored_texts import storable

__all__ = ["Addition", "Intake", "ReadingColumns", "SetAsideColumns", "Taken"]

R = TypeVar("R")

# Rows of one transaction: what is killed loses as many, and reads them again.
_BATCH: Final = 500


@dataclass(frozen=True)
class Addition:
    """What came of reading a file.

    Attributes:
        rows: Rows read.
        added: Rows that came with something new.
        repeated: Rows that said what was known.
        set_aside: Rows that could not be used; the database has them, with their reasons.
        reasons: How many of them by reason.
    """

    rows: int
    added: int
    repeated: int
    set_aside: int
    reasons: Mapping[str, int]


class ReadingColumns:
    """Columns of a table of readings: one reading of one file a row."""

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)
    rows: Mapped[int] = mapped_column(default=0)
    added: Mapped[int] = mapped_column(default=0)
    repeated: Mapped[int] = mapped_column(default=0)
    set_aside: Mapped[int] = mapped_column(default=0)


class SetAsideColumns:
    """Columns of a table of rows that could not be used; it names the reading by a `build_id` of its own."""

    id: Mapped[int] = mapped_column(primary_key=True)
    line: Mapped[int]
    reason: Mapped[str] = mapped_column(Text)
    content: Mapped[str] = mapped_column(Text)


class Taken(NamedTuple):
    """What came of some rows: how many were new, and those that the database showed to be of no use."""

    added: int
    set_aside: Sequence[SetAside] = ()


class Intake(Generic[R]):
    """Reads files of one kind of rows into an application's tables.

    Args:
        store: The database.
        clock: Tells the time.
        readings: The table of readings.
        aside: The table of rows set aside, with a reading's id as `build_id`.
        keep: Keeps rows of a source at a time, in a session's transaction; what is known stays as it is.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        readings: type[ReadingColumns],
        aside: type[SetAsideColumns],
        keep: Callable[[Session, Sequence[R], str, datetime], Taken],
    ) -> None:
        self._store = store
        self._clock = clock
        self._readings: Any = readings
        self._aside: Any = aside
        self._keep = keep

    def add(self, source: str, rows: Iterable[R | SetAside]) -> Addition:
        """Takes rows in.

        Args:
            source: Where they come from.
            rows: Rows, and those that are set aside already.

        Returns:
            What came of it; of a reading that was killed, the rest is read by the next one.
        """
        counts = dict.fromkeys(("rows", "added", "repeated", "set_aside"), 0)
        reading = self._readings(id=uuid4().hex, source=source, started_at=self._clock(), **counts)
        self._store.run(lambda session: session.merge(reading))
        done = 0
        for batch in _batches(rows):
            self._store.run(partial(self._take, key=reading.id, batch=batch, done=done))
            done += len(batch)
        return self._store.run(lambda session: self._finish(session, reading.id))

    def set_aside(self, most: int = 100) -> list[dict[str, object]]:
        """The rows that were set aside last: source, line, reason, content; newest reading first."""
        readings, aside = self._readings, self._aside
        query = (
            select(readings.source, aside.line, aside.reason, aside.content)
            .join(readings, readings.id == aside.build_id)
            .order_by(readings.started_at.desc(), aside.line)
            .limit(most)
        )
        return self._store.read(lambda session: [dict(row._mapping) for row in session.execute(query)])

    def _take(self, session: Session, key: str, batch: Sequence[R | SetAside], done: int) -> None:
        reading = session.get_one(self._readings, key)
        if reading.rows > done:
            return  # it was kept, but the connection broke before that was heard
        good = [row for row in batch if not isinstance(row, SetAside)]
        taken = self._keep(session, good, reading.source, self._clock())
        aside = [*(row for row in batch if isinstance(row, SetAside)), *taken.set_aside]
        session.add_all(self._aside(build_id=key, **_kept(row)) for row in aside)
        reading.rows += len(batch)
        reading.added += taken.added
        reading.repeated += len(batch) - len(aside) - taken.added
        reading.set_aside += len(aside)

    def _finish(self, session: Session, key: str) -> Addition:
        reading, aside = session.get_one(self._readings, key), self._aside
        reading.finished_at = self._clock()
        count = func.count()
        query = select(aside.reason, count).where(aside.build_id == key).group_by(aside.reason)
        reasons = {row.reason: int(row[1]) for row in session.execute(query.order_by(count.desc()))}
        return Addition(reading.rows, reading.added, reading.repeated, reading.set_aside, reasons)


def _kept(row: SetAside) -> dict[str, int | str]:
    return {"line": row.line, "reason": storable(row.reason), "content": storable(row.content)}


def _batches(rows: Iterable[R]) -> Iterator[list[R]]:
    left = iter(rows)
    while batch := list(islice(left, _BATCH)):
        yield batch
