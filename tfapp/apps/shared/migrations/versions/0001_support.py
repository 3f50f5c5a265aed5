"""The customer service's tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001_support"
down_revision = None
branch_labels = ("support",)
depends_on = None

_KEY = sa.String(32)
_NAME = sa.String(200)
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Makes the tables."""
    _knowledge()
    _builds()
    _conversations()
    op.create_table(
        "support_training",
        sa.Column("model", _NAME, primary_key=True),
        sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("questions", sa.Integer(), nullable=False),
        sa.Column("intents", sa.Integer(), nullable=False),
        sa.Column("trained_at", _TIME, nullable=False),
    )


def downgrade() -> None:
    """Drops them."""
    for table in (
        *("training", "correction", "turn", "conversation", "set_aside", "build"),
        *("pair", "intent", "vector", "text"),
    ):
        op.drop_table(f"support_{table}")


def _knowledge() -> None:
    op.create_table(
        "support_text",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("key", _KEY, nullable=False, unique=True),
        sa.Column("text", sa.Text(), nullable=False),
    )
    op.create_table(
        "support_vector",
        sa.Column("text_id", sa.Integer(), sa.ForeignKey("support_text.id"), primary_key=True, autoincrement=False),
        sa.Column("embedder", _NAME, nullable=False, index=True),
        sa.Column("value", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "support_intent",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", _NAME, nullable=False, unique=True),
        sa.Column("answer", sa.Text()),
    )
    op.create_table(
        "support_pair",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("key", _KEY, nullable=False, unique=True),
        sa.Column("question_id", sa.Integer(), sa.ForeignKey("support_text.id"), nullable=False, index=True),
        sa.Column("answer_id", sa.Integer(), sa.ForeignKey("support_text.id"), index=True),
        sa.Column("intent_id", sa.Integer(), sa.ForeignKey("support_intent.id"), index=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("fits", sa.Boolean(), nullable=False),
        sa.Column("added_at", _TIME, nullable=False),
    )


def _builds() -> None:
    op.create_table(
        "support_build",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("finished_at", _TIME),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("rows", "added", "repeated", "set_aside")),
    )
    op.create_table(
        "support_set_aside",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("build_id", _KEY, sa.ForeignKey("support_build.id"), nullable=False, index=True),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
    )


def _conversations() -> None:
    op.create_table(
        "support_conversation",
        sa.Column("id", _NAME, primary_key=True),
        sa.Column("started_at", _TIME, nullable=False),
    )
    op.create_table(
        "support_turn",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("conversation_id", _NAME, sa.ForeignKey("support_conversation.id"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("question", "understood", "answer")),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("intent", _NAME),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("slots", sa.JSON(), nullable=False),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.Column("asked_at", _TIME, nullable=False),
        sa.UniqueConstraint("conversation_id", "number"),
    )
    op.create_table(
        "support_correction",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("turn_id", _KEY, sa.ForeignKey("support_turn.id"), nullable=False, index=True),
        sa.Column("verdict", sa.String(10), nullable=False),
        sa.Column("better", sa.Text()),
        sa.Column("intent", _NAME),
        sa.Column("given_at", _TIME, nullable=False),
        sa.Column("learnt_at", _TIME),
    )
