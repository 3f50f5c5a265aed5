"""Stores items, events and trainings in the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

import numpy as np
from pydantic import TypeAdapter
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from tfapp.apps.recommend.event_log import EventLog, strength
from tfapp.apps.recommend.file_entries import EventEntry, ItemEntry
from tfapp.apps.recommend.item_matrix import Item, ItemMatrix
from tfapp.apps.recommend.logistic_weights import Ranking
from tfapp.apps.recommend.ranking_features import feature_names
from tfapp.apps.recommend.settings import RecommendSettings
from tfapp.apps.recommend.tables import EventRow, IngestRow, ItemRow, ItemVectorRow, RejectedEntryRow, TrainedRow
from tfapp.apps.shared.ingest import BatchResult, FileIngest, IngestResult
from tfapp.apps.shared.record_reader import RejectedRow
from tfapp.apps.shared.store import Store
from tfapp.apps.shared.vector_store import VectorStore
from tfapp.core.clock import Clock, after
from tfapp.data.stored_texts import digest

__all__ = ["Catalogue", "TrainedRanking"]

_EVENT: Final = (EventRow.user, EventRow.item_id, EventRow.kind, EventRow.value, EventRow.at)


@dataclass(frozen=True)
class TrainedRanking:
    """A trained final ranking.

    Attributes:
        at: When it was.
        embedder: Whose vectors it learnt from, as NAME/VERSION.
        events: Events that it learnt from.
        lists: Lists of the past among them.
        ranking: What it learnt.
    """

    at: datetime
    embedder: str
    events: int
    lists: int
    ranking: Ranking

    def fits(self, embedder: str, settings: RecommendSettings) -> bool:
        """Returns whether the ranking was trained on these vectors and the features of these settings."""
        return self.embedder == embedder and self.ranking.known.names == feature_names(len(settings.popular_days))


class Catalogue:
    """Stores items, each once by its key, events, each once, and trainings."""

    def __init__(self, store: Store, clock: Clock, settings: RecommendSettings) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings

    @property
    def vectors(self) -> VectorStore:
        """Returns the store of the items' vectors."""
        return VectorStore(self._store, ItemVectorRow, ItemVectorRow.item_id, select(ItemRow.id, ItemRow.text))

    def add_items(self, source: str, rows: Iterable[ItemEntry | RejectedRow]) -> IngestResult:
        """Ingests items; one that is known by its key is replaced where it has changed."""
        return self._ingest(_keep_items).add(source, rows)

    def add_events(self, source: str, rows: Iterable[EventEntry | RejectedRow]) -> IngestResult:
        """Ingests events; those of items that are not known are rejected."""
        return self._ingest(_keep_events).add(source, rows)

    def rejected_rows(self, limit: int = 100) -> list[dict[str, object]]:
        """Returns the latest rejected rows, as `FileIngest.rejected_rows` does."""
        return self._ingest(_keep_items).rejected_rows(limit)

    def item_matrix(self, embedder: str | None) -> ItemMatrix:
        """Returns all items with their vectors of an embedder; zeros where one has none."""
        query = select(ItemRow).order_by(ItemRow.id)
        items = self._store.read(lambda session: [_item(row) for row in session.scalars(query)])
        rows = {item.number: index for index, item in enumerate(items)}
        have = self.vectors.ids(embedder) if embedder else []
        # One may have been added between the two queries.
        ids = [number for number in have if number in rows]
        if embedder is None or not ids:
            return ItemMatrix.of(items, np.zeros((len(items), 1), np.float32))
        known_vectors = self.vectors.read(embedder, ids)
        vectors = np.zeros((len(items), known_vectors.shape[1]), np.float32)
        vectors[[rows[number] for number in ids]] = known_vectors
        return ItemMatrix.of(items, vectors)

    def log(self, item_matrix: ItemMatrix) -> EventLog:
        """Returns all events of the item matrix's items."""
        query = select(*_EVENT).order_by(EventRow.at, EventRow.id)
        return self._read_log(query, item_matrix)

    def log_of(self, user: str, item_matrix: ItemMatrix) -> EventLog:
        """Returns a user's events, as the database has them now; none for an unknown user."""
        query = select(*_EVENT).where(EventRow.user == user).order_by(EventRow.at, EventRow.id)
        return self._read_log(query, item_matrix)

    def users(self, limit: int = 100) -> list[dict[str, Any]]:
        """Returns users with their numbers of events and last times (user, events, last), those who came last first."""
        last = func.max(EventRow.at)
        query = select(EventRow.user, func.count(EventRow.id), last).group_by(EventRow.user)
        rows = query.order_by(last.desc(), EventRow.user).limit(limit)
        return self._store.read(
            lambda session: [
                {"user": user, "events": count, "last": at.isoformat()} for user, count, at in session.execute(rows)
            ]
        )

    def counts(self) -> dict[str, int]:
        """Returns the numbers of items, users, events, items without events, and rejected rows."""
        queries = {
            "items": select(func.count(ItemRow.id)),
            "users": select(func.count(func.distinct(EventRow.user))),
            "events": select(func.count(EventRow.id)),
            "met": select(func.count(func.distinct(EventRow.item_id))),
            "rejected": select(func.count(RejectedEntryRow.id)),
        }
        numbers = self._store.read(
            lambda session: {name: session.scalar(query) or 0 for name, query in queries.items()}
        )
        met_count = numbers.pop("met")
        return {**numbers, "new_items": numbers["items"] - met_count}

    def keep_training(self, training: TrainedRanking) -> None:
        """Stores a trained ranking; the newest one counts."""
        name = uuid4().hex

        def work(session: Session) -> None:
            others = select(func.max(TrainedRow.trained_at)).where(TrainedRow.id != name)
            row = TrainedRow(
                id=name,
                trained_at=after(session.scalar(others), training.at),
                embedder=training.embedder,
                events=training.events,
                lists=training.lists,
                weights=asdict(training.ranking),
            )
            session.merge(row)

        self._store.run(work)

    def newest_training(self) -> TrainedRanking | None:
        """Returns the newest trained ranking; None if there is none."""
        query = select(TrainedRow).order_by(TrainedRow.trained_at.desc(), TrainedRow.id).limit(1)
        row = self._store.read(lambda session: session.scalars(query).first())
        if row is None:
            return None
        ranking = TypeAdapter(Ranking).validate_python(row.weights)
        return TrainedRanking(row.trained_at, row.embedder, row.events, row.lists, ranking)

    def _read_log(self, query: Any, item_matrix: ItemMatrix) -> EventLog:
        rows = self._store.read(lambda session: session.execute(query).all())
        users: dict[str, int] = {}
        columns = [
            (users.setdefault(user, len(users)), item_matrix.numbers[item], kind, value, at.timestamp())
            for user, item, kind, value, at in rows
            if item in item_matrix.numbers
        ]
        strengths = [strength(kind, value, self._settings) for _, _, kind, value, _ in columns]
        is_rating = [kind == "rate" for _, _, kind, _, _ in columns]
        return EventLog.of(
            [c[0] for c in columns], [c[1] for c in columns], strengths, is_rating, [c[4] for c in columns]
        )

    def _ingest(self, keep: Any) -> FileIngest[Any]:
        return FileIngest(self._store, self._clock, ingests=IngestRow, rejected=RejectedEntryRow, keep=keep)


def _item(row: ItemRow) -> Item:
    return Item(row.id, row.key, row.title, row.description, tuple(row.tags), row.text, row.published_at)


def _keep_items(session: Session, entries: Sequence[ItemEntry], _source: str, now: datetime) -> BatchResult:
    """Adds new items and replaces changed ones, whose vectors are deleted with their texts."""
    # Of several rows of one item the last counts.
    entries_by_key = {entry.key: entry for entry in entries}
    rows = {row.key: row for row in session.scalars(select(ItemRow).where(ItemRow.key.in_(list(entries_by_key))))}
    count = 0
    for key, entry in entries_by_key.items():
        row = rows.get(key) or ItemRow(key=key, added_at=now)
        values = {name: getattr(entry, name) for name in ("title", "description", "text")}
        values |= {"tags": list(entry.tags), "published_at": entry.published}
        if key in rows and all(getattr(row, name) == value for name, value in values.items()):
            continue
        if key in rows and row.text != entry.text:
            session.execute(delete(ItemVectorRow).where(ItemVectorRow.item_id == row.id))
        for name, value in values.items():
            setattr(row, name, value)
        session.add(row)
        count += 1
    return BatchResult(count)


def _keep_events(session: Session, entries: Sequence[EventEntry], _source: str, _now: datetime) -> BatchResult:
    names = {entry.item for entry in entries}
    query = select(ItemRow.key, ItemRow.id).where(ItemRow.key.in_(names))
    items = {row.key: row.id for row in session.execute(query)}
    rejections = [_unknown_item(entry) for entry in entries if entry.item not in items]
    entries_by_key = {_event_key(entry): entry for entry in entries if entry.item in items}
    keys = set(session.scalars(select(EventRow.key).where(EventRow.key.in_(list(entries_by_key)))))
    new = {key: entry for key, entry in entries_by_key.items() if key not in keys}
    session.add_all(
        EventRow(key=key, user=entry.user, item_id=items[entry.item], kind=entry.kind, value=entry.value, at=entry.time)
        for key, entry in new.items()
    )
    return BatchResult(len(new), rejections)


def _unknown_item(entry: EventEntry) -> RejectedRow:
    content = f"{entry.user} {entry.kind} {entry.item} {entry.time.isoformat()}"
    return RejectedRow(entry.line, "there is no such item; add items first", content)


def _event_key(entry: EventEntry) -> str:
    return digest(entry.user, entry.item, entry.kind, entry.time.isoformat())
