"""The recommender's tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003_recommend"
down_revision = "0002_monitor"
branch_labels = None
depends_on = None

_KEY = sa.String(32)
_NAME = sa.String(200)
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Makes the tables."""
    _items()
    _readings()
    op.create_table(
        "recommend_trained",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("trained_at", _TIME, nullable=False),
        sa.Column("embedder", _NAME, nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("lists", sa.Integer(), nullable=False),
        sa.Column("weights", sa.JSON(), nullable=False),
    )


def downgrade() -> None:
    """Drops them."""
    for table in ("trained", "set_aside", "reading", "event", "vector", "item"):
        op.drop_table(f"recommend_{table}")


def _items() -> None:
    op.create_table(
        "recommend_item",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("key", _NAME, nullable=False, unique=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("title", "description")),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("published_at", _TIME),
        sa.Column("added_at", _TIME, nullable=False),
    )
    op.create_table(
        "recommend_vector",
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("recommend_item.id"), primary_key=True, autoincrement=False),
        sa.Column("embedder", _NAME, nullable=False, index=True),
        sa.Column("value", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "recommend_event",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("key", _KEY, nullable=False, unique=True),
        sa.Column("user_name", _NAME, nullable=False, index=True),
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("recommend_item.id"), nullable=False, index=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("value", sa.Double()),
        sa.Column("at", _TIME, nullable=False, index=True),
    )


def _readings() -> None:
    op.create_table(
        "recommend_reading",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("finished_at", _TIME),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("rows", "added", "repeated", "set_aside")),
    )
    op.create_table(
        "recommend_set_aside",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("build_id", _KEY, sa.ForeignKey("recommend_reading.id"), nullable=False, index=True),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
    )
