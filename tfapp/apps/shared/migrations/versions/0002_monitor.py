"""Opinion monitoring's tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from tfapp.apps.shared.migrations.columns import INTEGER, KEY, NAME, NUMBER, TEXT, TIME, number, required_columns

revision = "0002_monitor"
down_revision = "0001_support"

_KIND = sa.String(20)
_ENTITY = sa.String(400)


def upgrade() -> None:
    """Makes the tables."""
    _texts()
    _windows()
    _alerts()


def _texts() -> None:
    op.create_table(
        "monitor_message",
        number(),
        sa.Column("key", KEY, nullable=False, unique=True),
        *required_columns(source=NAME, time=TIME, text=TEXT, topic=NAME, topic_confidence=NUMBER),
        *required_columns(sentiment=NAME, sentiment_confidence=NUMBER, stored_at=TIME),
    )
    op.create_index("ix_monitor_message_time", "monitor_message", ["time"])
    op.create_index("ix_monitor_message_topic_time", "monitor_message", ["topic", "time"])
    op.create_table(
        "monitor_mention",
        sa.Column("message_id", INTEGER, sa.ForeignKey("monitor_message.id"), primary_key=True, autoincrement=False),
        sa.Column("entity", _ENTITY, primary_key=True, index=True),
    )
    op.create_table(
        "monitor_set_aside",
        number(),
        sa.Column("key", KEY, nullable=False, unique=True),
        *required_columns(source=TEXT, place=TEXT, reason=TEXT, content=TEXT, stored_at=TIME),
    )


def _windows() -> None:
    keys: dict[str, Any] = {"width": _KIND, "start": TIME, "topic": NAME, "by": _KIND, "name": _ENTITY}
    op.create_table(
        "monitor_window",
        *(sa.Column(name, kind, primary_key=True) for name, kind in keys.items()),
        *required_columns(texts=INTEGER, negatives=INTEGER, positives=INTEGER, judged=INTEGER),
    )
    waits = sa.text("judged <> texts")
    columns = ["width", "start"]
    op.create_index("ix_monitor_window_due", "monitor_window", columns, sqlite_where=waits, postgresql_where=waits)
    op.create_table(
        "monitor_checkpoint",
        sa.Column("reader", KEY, primary_key=True),
        *required_columns(name=TEXT, position=sa.JSON(), stored_at=TIME),
    )
    op.create_table(
        "monitor_progress",
        sa.Column("id", INTEGER, primary_key=True, autoincrement=False),
        sa.Column("newest", TIME),
        *required_columns(repeated=INTEGER),
    )
    op.create_table(
        "monitor_judgement",
        sa.Column("subject", sa.String(220), primary_key=True),
        sa.Column("width", _KIND, primary_key=True),
        sa.Column("start", TIME, primary_key=True),
        sa.Column("p_value", NUMBER),
        sa.Column("expected", NUMBER),
        *required_columns(state=sa.JSON()),
    )
    op.create_table("monitor_reference", number(), *required_columns(since=TIME, profile=sa.JSON()))


def _alerts() -> None:
    op.create_table(
        "monitor_alert",
        number(),
        sa.Column("key", KEY, nullable=False, unique=True),
        *required_columns(kind=_KIND, topic=NAME, width=_KIND),
        sa.Column("start", TIME, nullable=False, index=True),
        *required_columns(found=TIME),
        sa.Column("end", TIME),
        sa.Column("ended_by", _KIND),
        *required_columns(
            before=NUMBER, after=NUMBER, texts=INTEGER, negatives=INTEGER, p_value=NUMBER, opened_at=TIME
        ),
    )
    op.create_table(
        "monitor_delivery",
        number(),
        *required_columns(key=KEY),
        sa.Column("alert_id", INTEGER, sa.ForeignKey("monitor_alert.id"), nullable=False, index=True),
        *required_columns(sink=_KIND, event=_KIND, payload=sa.JSON(), due_at=TIME, tries=INTEGER),
        sa.Column("error", TEXT),
        sa.Column("delivered_at", TIME),
        sa.UniqueConstraint("alert_id", "event", "sink"),
    )
