"""Ingests the rows of a file into the database, in transactions of some hundreds, and counts the outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import uuid4

from sqlalchemy import String, Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from tfapp.apps.shared.record_reader import RejectedRow
from tfapp.apps.shared.store import Store, UtcTime, chunks
from tfapp.core.clock import Clock
from tfapp.data.stored_texts import storable

__all__ = ["BatchResult", "FileIngest", "IngestColumns", "IngestResult", "RejectedRowColumns"]

R = TypeVar("R")


@dataclass(frozen=True)
class IngestResult:
    """The outcome of ingesting a file.

    Attributes:
        rows: Rows read.
        added: Rows that came with something new.
        repeated: Rows that said what was known.
        rejected: Rows that were rejected; the database has them, with their reasons.
        reasons: How many of them by reason.
    """

    rows: int
    added: int
    repeated: int
    rejected: int
    reasons: Mapping[str, int]


class IngestColumns:
    """The columns of a table of ingests: one row for each time that a file was read."""

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)
    rows: Mapped[int] = mapped_column(default=0)
    added: Mapped[int] = mapped_column(default=0)
    repeated: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column("set_aside", default=0)


class RejectedRowColumns:
    """The columns of a table of rejected rows; its sub-class names the ingest by a `build_id` of its own."""

    id: Mapped[int] = mapped_column(primary_key=True)
    line: Mapped[int]
    reason: Mapped[str] = mapped_column(Text)
    content: Mapped[str] = mapped_column(Text)


class BatchResult(NamedTuple):
    """The outcome of storing a batch: how many rows were new, and those that the database had to reject."""

    added: int
    rejected: Sequence[RejectedRow] = ()


@dataclass(frozen=True)
class FileIngest(Generic[R]):
    """Ingests files of one kind of rows into an application's tables.

    Attributes:
        store: The database.
        clock: Tells the time.
        ingests: The table of ingests.
        rejected: The table of rejected rows, with an ingest's id as `build_id`.
        keep: Stores the rows of one source in a session's transaction; what is known stays as it is.
    """

    store: Store
    clock: Clock
    _: KW_ONLY
    ingests: Any
    rejected: Any
    keep: Callable[[Session, Sequence[R], str, datetime], BatchResult]

    def add(self, source: str, rows: Iterable[R | RejectedRow]) -> IngestResult:
        """Ingests rows.

        Returns:
            The outcome; after an ingest that was killed, the next one reads the rest.
        """
        counts = dict.fromkeys(("rows", "added", "repeated", "rejected"), 0)
        ingest = self.ingests(id=uuid4().hex, source=source, started_at=self.clock(), **counts)
        self.store.run(lambda session: session.merge(ingest))
        offset = 0
        # An ingest that is killed loses one transaction's rows, and the next one reads them again.
        for batch in chunks(rows):
            self.store.run(partial(self._add_batch, key=ingest.id, batch=batch, offset=offset))
            offset += len(batch)
        return self.store.run(lambda session: self._finish(session, ingest.id))

    def rejected_rows(self, limit: int = 100) -> list[dict[str, object]]:
        """Returns the latest rejected rows (source, line, reason, content), those of the newest ingest first."""
        ingests, table = self.ingests, self.rejected
        query = (
            select(ingests.source, table.line, table.reason, table.content)
            .join(ingests, ingests.id == table.build_id)
            .order_by(ingests.started_at.desc(), table.line)
            .limit(limit)
        )
        return self.store.read(lambda session: [dict(row._mapping) for row in session.execute(query)])

    def _add_batch(self, session: Session, key: str, batch: Sequence[R | RejectedRow], offset: int) -> None:
        ingest = session.get_one(self.ingests, key)
        if ingest.rows > offset:
            return  # it was stored, but the connection broke before the answer came
        records = [row for row in batch if not isinstance(row, RejectedRow)]
        result = self.keep(session, records, ingest.source, self.clock())
        rejections = [*(row for row in batch if isinstance(row, RejectedRow)), *result.rejected]
        for row in rejections:
            values = {"line": row.line, "reason": storable(row.reason), "content": storable(row.content)}
            session.add(self.rejected(build_id=key, **values))
        ingest.rows += len(batch)
        ingest.added += result.added
        ingest.repeated += len(batch) - len(rejections) - result.added
        ingest.rejected += len(rejections)

    def _finish(self, session: Session, key: str) -> IngestResult:
        ingest, table = session.get_one(self.ingests, key), self.rejected
        ingest.finished_at = self.clock()
        count = func.count()
        query = select(table.reason, count).where(table.build_id == key).group_by(table.reason)
        reasons = {row.reason: int(row[1]) for row in session.execute(query.order_by(count.desc()))}
        return IngestResult(ingest.rows, ingest.added, ingest.repeated, ingest.rejected, reasons)
