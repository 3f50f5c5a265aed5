"""Opinion monitoring's tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002_monitor"
down_revision = "0001_support"
branch_labels = None
depends_on = None

_KEY = sa.String(32)
_KIND = sa.String(20)
_NAME = sa.String(200)
_ENTITY = sa.String(400)
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Makes the tables."""
    _texts()
    _windows()
    _alerts()


def downgrade() -> None:
    """Drops them."""
    for table in (
        *("delivery", "alert", "reference", "judgement", "progress", "checkpoint"),
        *("window", "mention", "set_aside", "message"),
    ):
        op.drop_table(f"monitor_{table}")


def _texts() -> None:
    op.create_table(
        "monitor_message",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("key", _KEY, nullable=False, unique=True),
        sa.Column("source", _NAME, nullable=False),
        sa.Column("time", _TIME, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("topic", _NAME, nullable=False),
        sa.Column("topic_confidence", sa.Double(), nullable=False),
        sa.Column("sentiment", _NAME, nullable=False),
        sa.Column("sentiment_confidence", sa.Double(), nullable=False),
        sa.Column("stored_at", _TIME, nullable=False),
    )
    op.create_index("ix_monitor_message_time", "monitor_message", ["time"])
    op.create_index("ix_monitor_message_topic_time", "monitor_message", ["topic", "time"])
    op.create_table(
        "monitor_mention",
        sa.Column(
            "message_id", sa.Integer(), sa.ForeignKey("monitor_message.id"), primary_key=True, autoincrement=False
        ),
        sa.Column("entity", _ENTITY, primary_key=True, index=True),
    )
    op.create_table(
        "monitor_set_aside",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("key", _KEY, nullable=False, unique=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("source", "place", "reason", "content")),
        sa.Column("stored_at", _TIME, nullable=False),
    )


def _windows() -> None:
    op.create_table(
        "monitor_window",
        sa.Column("width", _KIND, primary_key=True),
        sa.Column("start", _TIME, primary_key=True),
        sa.Column("topic", _NAME, primary_key=True),
        sa.Column("by", _KIND, primary_key=True),
        sa.Column("name", _ENTITY, primary_key=True),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("texts", "negatives", "positives", "judged")),
    )
    waits = sa.text("judged <> texts")
    columns = ["width", "start"]
    op.create_index("ix_monitor_window_due", "monitor_window", columns, sqlite_where=waits, postgresql_where=waits)
    op.create_table(
        "monitor_checkpoint",
        sa.Column("reader", _KEY, primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.JSON(), nullable=False),
        sa.Column("stored_at", _TIME, nullable=False),
    )
    op.create_table(
        "monitor_progress",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("newest", _TIME),
        sa.Column("repeated", sa.Integer(), nullable=False),
    )
    op.create_table(
        "monitor_judgement",
        sa.Column("subject", sa.String(220), primary_key=True),
        sa.Column("width", _KIND, primary_key=True),
        sa.Column("start", _TIME, primary_key=True),
        sa.Column("p_value", sa.Double()),
        sa.Column("expected", sa.Double()),
        sa.Column("state", sa.JSON(), nullable=False),
    )
    op.create_table(
        "monitor_reference",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("profile", sa.JSON(), nullable=False),
    )


def _alerts() -> None:
    op.create_table(
        "monitor_alert",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("key", _KEY, nullable=False, unique=True),
        sa.Column("kind", _KIND, nullable=False),
        sa.Column("topic", _NAME, nullable=False),
        sa.Column("width", _KIND, nullable=False),
        sa.Column("start", _TIME, nullable=False, index=True),
        sa.Column("found", _TIME, nullable=False),
        sa.Column("end", _TIME),
        sa.Column("ended_by", _KIND),
        *(sa.Column(name, sa.Double(), nullable=False) for name in ("before", "after")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("texts", "negatives")),
        sa.Column("p_value", sa.Double(), nullable=False),
        sa.Column("opened_at", _TIME, nullable=False),
    )
    op.create_table(
        "monitor_delivery",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("key", _KEY, nullable=False),
        sa.Column("alert_id", sa.Integer(), sa.ForeignKey("monitor_alert.id"), nullable=False, index=True),
        sa.Column("sink", _KIND, nullable=False),
        sa.Column("event", _KIND, nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("delivered_at", _TIME),
        sa.UniqueConstraint("alert_id", "event", "sink"),
    )
