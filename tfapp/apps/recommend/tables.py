"""The database tables of the recommender."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tfapp.apps.shared.ingest import IngestColumns, RejectedRowColumns
from tfapp.apps.shared.store import Base, UtcTime
from tfapp.data.stored_texts import LONGEST_NAME

__all__ = ["EventRow", "IngestRow", "ItemRow", "ItemVectorRow", "RejectedEntryRow", "TrainedRow"]

_KEY = String(32)
_NAME = String(LONGEST_NAME)


class ItemRow(Base):
    """An item; `key` is its id in the files, `text` the text that is embedded."""

    __tablename__ = "recommend_item"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(_NAME, unique=True)
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    tags: Mapped[list[str]] = mapped_column(JSON)
    text: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime | None] = mapped_column(UtcTime)
    added_at: Mapped[datetime] = mapped_column(UtcTime)


class ItemVectorRow(Base):
    """The vector of an item's text: float32, little-endian, and the model and version that made it, as NAME/VERSION."""

    __tablename__ = "recommend_vector"
    item_id: Mapped[int] = mapped_column(ForeignKey("recommend_item.id"), primary_key=True)
    embedder: Mapped[str] = mapped_column(_NAME, index=True)
    value: Mapped[bytes] = mapped_column(LargeBinary)


class EventRow(Base):
    """An event of a user with an item; once, by the digest of user, item, kind and time."""

    __tablename__ = "recommend_event"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(_KEY, unique=True)
    user: Mapped[str] = mapped_column("user_name", _NAME, index=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("recommend_item.id"), index=True)
    kind: Mapped[str] = mapped_column(String(10))
    value: Mapped[float | None]
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)


class IngestRow(IngestColumns, Base):
    """An ingest of a file."""

    __tablename__ = "recommend_reading"


class RejectedEntryRow(RejectedRowColumns, Base):
    """A rejected row of a file and its reason."""

    __tablename__ = "recommend_set_aside"
    build_id: Mapped[str] = mapped_column(ForeignKey("recommend_reading.id"), index=True)


class TrainedRow(Base):
    """A training of the final ranking: its weights, and the data behind it."""

    __tablename__ = "recommend_trained"
    id: Mapped[str] = mapped_column(_KEY, primary_key=True)
    trained_at: Mapped[datetime] = mapped_column(UtcTime)
    embedder: Mapped[str] = mapped_column(_NAME)
    events: Mapped[int]
    lists: Mapped[int]
    weights: Mapped[dict[str, Any]] = mapped_column(JSON)
