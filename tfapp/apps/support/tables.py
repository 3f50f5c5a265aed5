"""The database tables of the customer service."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tfapp.apps.shared.ingest import IngestColumns, RejectedRowColumns
from tfapp.apps.shared.store import Base, UtcTime
from tfapp.data.stored_texts import LONGEST_NAME

__all__ = [
    "BuildRow",
    "ConversationRow",
    "CorrectionRow",
    "IntentRow",
    "PairRow",
    "RejectedPairRow",
    "TextRow",
    "TrainingRow",
    "TurnRow",
    "VectorRow",
]

_KEY = String(32)
_NAME = String(LONGEST_NAME)


class TextRow(Base):
    """A question or an answer; each text once, by the digest of its normalised form."""

    __tablename__ = "support_text"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(_KEY, unique=True)
    text: Mapped[str] = mapped_column(Text)


class VectorRow(Base):
    """A text's vector: float32, little-endian, and the model and version that made it, as NAME/VERSION."""

    __tablename__ = "support_vector"
    text_id: Mapped[int] = mapped_column(ForeignKey("support_text.id"), primary_key=True)
    embedder: Mapped[str] = mapped_column(_NAME, index=True)
    value: Mapped[bytes] = mapped_column(LargeBinary)


class IntentRow(Base):
    """An intent and its answer, which may have {slots}."""

    __tablename__ = "support_intent"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(_NAME, unique=True)
    answer: Mapped[str | None] = mapped_column(Text)


class PairRow(Base):
    """A question with its answer, its intent, or both; `fits` is false where people said that it is wrong."""

    __tablename__ = "support_pair"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(_KEY, unique=True)
    question_id: Mapped[int] = mapped_column(ForeignKey("support_text.id"), index=True)
    answer_id: Mapped[int | None] = mapped_column(ForeignKey("support_text.id"), index=True)
    intent_id: Mapped[int | None] = mapped_column(ForeignKey("support_intent.id"), index=True)
    source: Mapped[str] = mapped_column(Text)
    line: Mapped[int]
    fits: Mapped[bool] = mapped_column(default=True)
    added_at: Mapped[datetime] = mapped_column(UtcTime)


class BuildRow(IngestColumns, Base):
    """An ingest of a file."""

    __tablename__ = "support_build"


class RejectedPairRow(RejectedRowColumns, Base):
    """A rejected row of a file and its reason."""

    __tablename__ = "support_set_aside"
    build_id: Mapped[str] = mapped_column(ForeignKey("support_build.id"), index=True)


class ConversationRow(Base):
    """A conversation with a customer."""

    __tablename__ = "support_conversation"
    id: Mapped[str] = mapped_column(_NAME, primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcTime)


class TurnRow(Base):
    """A question of a conversation and its answer.

    Attributes:
        understood: The question with what it refers to.
        kind: How it was answered, as in `Reply`.
        sources: The fields of each `AnswerSource`.
        summary: The summary for the person who takes over; empty where nobody has to.
    """

    __tablename__ = "support_turn"
    id: Mapped[str] = mapped_column(_KEY, primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("support_conversation.id"))
    number: Mapped[int]
    question: Mapped[str] = mapped_column(Text)
    understood: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(20))
    answer: Mapped[str] = mapped_column(Text)
    intent: Mapped[str | None] = mapped_column(_NAME)
    confidence: Mapped[float]
    slots: Mapped[dict[str, str]] = mapped_column(JSON)
    sources: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    summary: Mapped[str] = mapped_column(Text, server_default="")
    asked_at: Mapped[datetime] = mapped_column(UtcTime)
    corrections: Mapped[list[CorrectionRow]] = relationship(
        order_by="CorrectionRow.given_at, CorrectionRow.id", viewonly=True
    )
    __table_args__ = (UniqueConstraint("conversation_id", "number"),)

    @property
    def review(self) -> CorrectionRow | None:
        """Returns the last correction; None where nobody has reviewed the turn."""
        return self.corrections[-1] if self.corrections else None


class CorrectionRow(Base):
    """A person's correction of an answer; `learnt_at` is set when it has become knowledge."""

    __tablename__ = "support_correction"
    id: Mapped[str] = mapped_column(_KEY, primary_key=True)
    turn_id: Mapped[str] = mapped_column(ForeignKey("support_turn.id"), index=True)
    verdict: Mapped[str] = mapped_column(String(10))
    better: Mapped[str | None] = mapped_column(Text)
    intent: Mapped[str | None] = mapped_column(_NAME)
    given_at: Mapped[datetime] = mapped_column(UtcTime)
    learnt_at: Mapped[datetime | None] = mapped_column(UtcTime)


class TrainingRow(Base):
    """A training of the intent model: its version, and the numbers of questions and intents that it learnt from."""

    __tablename__ = "support_training"
    model: Mapped[str] = mapped_column(_NAME, primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    questions: Mapped[int]
    intents: Mapped[int]
    trained_at: Mapped[datetime] = mapped_column(UtcTime)
