"""The database tables of the feedback."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tfapp.apps.shared.store import Base, UtcTime
from tfapp.data.stored_texts import LONGEST_NAME

__all__ = ["LabelRow", "PoolRow", "PoolTextRow"]

_KEY = String(32)
_NAME = String(LONGEST_NAME)


class PoolRow(Base):
    """A pool of unlabelled texts for a model; `name` is the name of the file that was added, and is never a path."""

    __tablename__ = "feedback_pool"
    id: Mapped[str] = mapped_column(_KEY, primary_key=True)
    name: Mapped[str] = mapped_column(_NAME)
    model: Mapped[str] = mapped_column(_NAME)
    labels: Mapped[list[str]] = mapped_column(JSON)
    multi_label: Mapped[bool] = mapped_column(default=False)
    rejected: Mapped[int] = mapped_column("set_aside", default=0)
    added_at: Mapped[datetime] = mapped_column(UtcTime)


class PoolTextRow(Base):
    """A text of a pool and a version's answer; `version` is None until one has answered."""

    __tablename__ = "feedback_text"
    id: Mapped[int] = mapped_column(primary_key=True)
    pool_id: Mapped[str] = mapped_column(ForeignKey("feedback_pool.id"))
    key: Mapped[str] = mapped_column(_KEY)
    text: Mapped[str] = mapped_column(Text)
    version: Mapped[int | None] = mapped_column(BigInteger)
    predicted: Mapped[str | None] = mapped_column(Text)
    score: Mapped[float | None]
    margin: Mapped[float | None]
    entropy: Mapped[float | None]
    skipped: Mapped[bool] = mapped_column(default=False)
    __table_args__ = (
        UniqueConstraint("pool_id", "key"),
        Index("ix_feedback_text_margin", "pool_id", "margin"),
        Index("ix_feedback_text_entropy", "pool_id", "entropy"),
    )


class LabelRow(Base):
    """A person's label of a text, of a model's labels or another; a text has one for each model."""

    __tablename__ = "feedback_label"
    id: Mapped[int] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(_NAME)
    key: Mapped[str] = mapped_column(_KEY)
    text: Mapped[str] = mapped_column(Text)
    given: Mapped[list[str]] = mapped_column(JSON)
    multi_label: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int | None] = mapped_column(BigInteger)
    predicted: Mapped[str | None] = mapped_column(Text)
    score: Mapped[float | None]
    given_by: Mapped[str] = mapped_column(_NAME)
    given_at: Mapped[datetime] = mapped_column(UtcTime)
    __table_args__ = (UniqueConstraint("model", "key"),)
