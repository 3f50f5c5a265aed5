"""The customer service's tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tfapp.apps.shared.migrations.columns import (
    INTEGER,
    KEY,
    NAME,
    NUMBER,
    TEXT,
    TIME,
    create_ingest_tables,
    number,
    required_columns,
)

revision = "0001_support"
down_revision = None
branch_labels = ("support",)


def upgrade() -> None:
    """Makes the tables."""
    _knowledge()
    create_ingest_tables("support_build", "support_set_aside")
    _conversations()
    op.create_table(
        "support_training",
        sa.Column("model", NAME, primary_key=True),
        sa.Column("version", INTEGER, primary_key=True, autoincrement=False),
        *required_columns(questions=INTEGER, intents=INTEGER, trained_at=TIME),
    )


def _knowledge() -> None:
    op.create_table(
        "support_text",
        number(),
        sa.Column("key", KEY, nullable=False, unique=True),
        *required_columns(text=TEXT),
    )
    op.create_table(
        "support_vector",
        sa.Column("text_id", INTEGER, sa.ForeignKey("support_text.id"), primary_key=True, autoincrement=False),
        sa.Column("embedder", NAME, nullable=False, index=True),
        *required_columns(value=sa.LargeBinary()),
    )
    op.create_table(
        "support_intent",
        number(),
        sa.Column("name", NAME, nullable=False, unique=True),
        sa.Column("answer", TEXT),
    )
    op.create_table(
        "support_pair",
        number(),
        sa.Column("key", KEY, nullable=False, unique=True),
        sa.Column("question_id", INTEGER, sa.ForeignKey("support_text.id"), nullable=False, index=True),
        sa.Column("answer_id", INTEGER, sa.ForeignKey("support_text.id"), index=True),
        sa.Column("intent_id", INTEGER, sa.ForeignKey("support_intent.id"), index=True),
        *required_columns(source=TEXT, line=INTEGER, fits=sa.Boolean(), added_at=TIME),
    )


def _conversations() -> None:
    op.create_table(
        "support_conversation",
        sa.Column("id", NAME, primary_key=True),
        *required_columns(started_at=TIME),
    )
    op.create_table(
        "support_turn",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("conversation_id", NAME, sa.ForeignKey("support_conversation.id"), nullable=False),
        *required_columns(number=INTEGER, question=TEXT, understood=TEXT, answer=TEXT, kind=sa.String(20)),
        sa.Column("intent", NAME),
        *required_columns(confidence=NUMBER, slots=sa.JSON(), sources=sa.JSON(), asked_at=TIME),
        sa.UniqueConstraint("conversation_id", "number"),
    )
    op.create_table(
        "support_correction",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("turn_id", KEY, sa.ForeignKey("support_turn.id"), nullable=False, index=True),
        *required_columns(verdict=sa.String(10)),
        sa.Column("better", TEXT),
        sa.Column("intent", NAME),
        *required_columns(given_at=TIME),
        sa.Column("learnt_at", TIME),
    )
