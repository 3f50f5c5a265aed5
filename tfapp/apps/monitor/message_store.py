"""Stores messages, each one once, with their counts and their source's checkpoint in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from tfapp.apps.monitor.batches import Checkpoint, IngestCounts
from tfapp.apps.monitor.message import ClassifiedMessage, Message
from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.monitor.tables import (
    CheckpointRow,
    MentionRow,
    MessageRow,
    ProgressRow,
    RejectedMessageRow,
    WindowRow,
)
from tfapp.apps.monitor.windows import count
from tfapp.apps.shared.record_reader import RejectedRow
from tfapp.apps.shared.store import Base, Store, chunks
from tfapp.core.clock import Clock
from tfapp.data.stored_texts import digest, storable

__all__ = ["MessageStore", "RejectedMessage", "StoredBatch", "add_rejected"]


class RejectedMessage(NamedTuple):
    """A rejected row with its source and its position there."""

    source: str
    location: str
    row: RejectedRow


@dataclass(frozen=True)
class StoredBatch:
    """The result of storing a batch: the keys of new texts, the positions of rejected rows, and the counts."""

    keys: frozenset[str] = frozenset()
    rejected: frozenset[str] = frozenset()
    outcome: IngestCounts = field(default_factory=IngestCounts)

    def __add__(self, other: StoredBatch) -> StoredBatch:
        return StoredBatch(self.keys | other.keys, self.rejected | other.rejected, self.outcome + other.outcome)


class MessageStore:
    """Stores messages, their counts and the checkpoints of their sources."""

    def __init__(self, store: Store, settings: MonitorSettings, clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock

    def new_messages(self, messages: Sequence[Message]) -> list[Message]:
        """Returns the messages that are not stored yet, each once."""
        unique = {message.key: message for message in reversed(messages)}

        def work(session: Session) -> set[str]:
            query = select(MessageRow.key)
            return {key for part in chunks(unique) for key in session.scalars(query.where(MessageRow.key.in_(part)))}

        keys = self._store.read(work)
        return [message for key, message in reversed(unique.items()) if key not in keys]

    def checkpoint(self, name: str) -> Mapping[str, Any] | None:
        """Returns how far a source was read and stored."""
        row = self._store.read(lambda session: session.get(CheckpointRow, digest(name)))
        return row.position if row else None

    def checkpoints(self, prefix: str) -> dict[str, Mapping[str, Any]]:
        """Returns how far the sources were read whose names begin with a prefix."""
        query = select(CheckpointRow).where(CheckpointRow.name.startswith(prefix, autoescape=True))
        return self._store.read(lambda session: {row.name: row.position for row in session.scalars(query)})

    def keep(
        self,
        texts: Sequence[ClassifiedMessage],
        rejections: Sequence[RejectedMessage],
        checkpoints: Iterable[Checkpoint],
        duplicates: int,
    ) -> StoredBatch:
        """Stores a batch whole or not at all; `duplicates` rows were left out of it because they are known.

        What is there already is not counted again.
        """
        now, all_checkpoints = self._clock(), list(checkpoints)

        def work(session: Session) -> StoredBatch:
            _touch_progress(session, max((text.message.time for text in texts), default=None), duplicates)
            additions = _add_texts(session, texts, now)
            _add_mentions(session, additions)
            self._count(session, [text for text, _ in additions])
            rejection_count = add_rejected(session, rejections, now, self._settings.set_aside_rows)
            for checkpoint in all_checkpoints:
                values = {"name": checkpoint.name, "position": dict(checkpoint.position), "stored_at": now}
                _upsert(session, CheckpointRow, [{"reader": digest(checkpoint.name), **values}], tuple(values))
            repeats = len(texts) - len(additions)
            keys = frozenset(text.message.key for text, _ in additions)
            locations = frozenset(item.location for item in rejections)
            return StoredBatch(keys, locations, IngestCounts(len(additions), duplicates + repeats, rejection_count))

        return self._store.run(work)

    def _count(self, session: Session, texts: Sequence[ClassifiedMessage]) -> None:
        counts = count(texts, negative=self._settings.negative, positive=self._settings.positive)
        # In one order for all processes: two that lock the same rows in another order would wait for each other.
        rows = [
            {**cell._asdict(), "texts": c.texts, "negatives": c.negatives, "positives": c.positives, "judged": 0}
            for cell, c in sorted(counts.items(), key=lambda item: item[0])
        ]
        for part in chunks(rows):
            statement = _insert(session, WindowRow).values(part)
            new, old = statement.excluded, WindowRow.__table__.c
            sums = {name: old[name] + new[name] for name in ("texts", "negatives", "positives")}
            keys = ["width", "start", "topic", "by", "name"]
            session.execute(statement.on_conflict_do_update(index_elements=keys, set_=sums))


def _touch_progress(session: Session, newest: datetime | None, duplicates: int) -> None:
    """Moves the stream's progress on; the row is locked until the transaction ends."""
    _upsert(session, ProgressRow, [{"id": 1, "newest": None}], ())
    row = session.scalars(select(ProgressRow).with_for_update()).one()
    row.repeated += duplicates
    if newest is not None and (row.newest is None or newest > row.newest):
        row.newest = newest


def _add_texts(
    session: Session, texts: Sequence[ClassifiedMessage], now: datetime
) -> list[tuple[ClassifiedMessage, int]]:
    """Adds the texts that are new and returns them with their ids."""
    rows = [
        {
            **vars(text.message),
            "topic": text.topic,
            "topic_confidence": text.topic_confidence,
            "sentiment": text.sentiment,
            "sentiment_confidence": text.sentiment_confidence,
            "stored_at": now,
        }
        for text in texts
    ]
    table = _table(MessageRow)
    ids: dict[str, int] = {}
    for part in chunks(rows):
        statement = _insert(session, MessageRow).values(part).on_conflict_do_nothing()
        ids |= {row.key: row.id for row in session.execute(statement.returning(table.c.key, table.c.id))}
    return [(text, ids[text.message.key]) for text in texts if text.message.key in ids]


def _add_mentions(session: Session, texts: Iterable[tuple[ClassifiedMessage, int]]) -> None:
    pairs = {(number, entity.name) for text, number in texts for entity in text.entities}
    _upsert(session, MentionRow, [{"message_id": number, "entity": name} for number, name in sorted(pairs)], ())


def add_rejected(session: Session, rejections: Sequence[RejectedMessage], now: datetime, limit: int) -> int:
    """Adds rejected rows, in a transaction that has the progress row, and returns how many were new.

    The newest `limit` rows are kept; all are counted.
    """
    if not rejections:
        return 0
    rows = [
        {
            "key": digest(storable(item.source), storable(item.location), storable(item.row.content)),
            "source": storable(item.source),
            "place": storable(item.location),
            "reason": storable(item.row.reason),
            "content": storable(item.row.content),
            "stored_at": now,
        }
        for item in rejections
    ]
    count = _upsert(session, RejectedMessageRow, rows, ())
    session.get_one(ProgressRow, 1).rejected += count
    number = RejectedMessageRow.id
    newest = select(number).order_by(number.desc()).offset(limit).limit(1).scalar_subquery()
    session.execute(delete(RejectedMessageRow).where(number <= newest))
    return count


def _upsert(session: Session, row: type[Base], rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> int:
    """Adds rows or replaces some of their columns, and returns how many it added or changed."""
    count = 0
    for part in chunks(rows):
        statement = _insert(session, row).values([dict(item) for item in part])
        if columns:
            keys = [column.name for column in _table(row).primary_key]
            new = {name: statement.excluded[name] for name in columns}
            statement = statement.on_conflict_do_update(index_elements=keys, set_=new)
        else:
            statement = statement.on_conflict_do_nothing()
        first = next(iter(_table(row).primary_key))
        count += len(session.execute(statement.returning(first)).all())
    return count


def _insert(session: Session, row: type[Base]) -> Any:
    """Returns the INSERT of the database's dialect; both dialects know ON CONFLICT."""
    kinds = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    return kinds[session.connection().dialect.name](_table(row))


def _table(row: type[Base]) -> Table:
    table = row.__table__
    assert isinstance(table, Table)
    return table
