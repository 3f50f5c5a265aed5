"""The recommender's tables."""

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

revision = "0003_recommend"
down_revision = "0002_monitor"


def upgrade() -> None:
    """Makes the tables."""
    _items()
    create_ingest_tables("recommend_reading", "recommend_set_aside")
    op.create_table(
        "recommend_trained",
        sa.Column("id", KEY, primary_key=True),
        *required_columns(trained_at=TIME, embedder=NAME, events=INTEGER, lists=INTEGER, weights=sa.JSON()),
    )


def _items() -> None:
    op.create_table(
        "recommend_item",
        number(),
        sa.Column("key", NAME, nullable=False, unique=True),
        *required_columns(title=TEXT, description=TEXT, tags=sa.JSON(), text=TEXT),
        sa.Column("published_at", TIME),
        *required_columns(added_at=TIME),
    )
    op.create_table(
        "recommend_vector",
        sa.Column("item_id", INTEGER, sa.ForeignKey("recommend_item.id"), primary_key=True, autoincrement=False),
        sa.Column("embedder", NAME, nullable=False, index=True),
        *required_columns(value=sa.LargeBinary()),
    )
    op.create_table(
        "recommend_event",
        number(),
        sa.Column("key", KEY, nullable=False, unique=True),
        sa.Column("user_name", NAME, nullable=False, index=True),
        sa.Column("item_id", INTEGER, sa.ForeignKey("recommend_item.id"), nullable=False, index=True),
        *required_columns(kind=sa.String(10)),
        sa.Column("value", NUMBER),
        sa.Column("at", TIME, nullable=False, index=True),
    )
