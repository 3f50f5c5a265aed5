"""The feedback's tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004_feedback"
down_revision = "0003_recommend"
branch_labels = None
depends_on = None

_KEY = sa.String(32)
_NAME = sa.String(200)
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Makes the tables."""
    _pools()
    op.create_table(
        "feedback_label",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("model", _NAME, nullable=False),
        sa.Column("key", _KEY, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("given", sa.JSON(), nullable=False),
        sa.Column("multi_label", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger()),
        sa.Column("predicted", sa.Text()),
        sa.Column("score", sa.Double()),
        sa.Column("given_by", _NAME, nullable=False),
        sa.Column("given_at", _TIME, nullable=False),
        sa.UniqueConstraint("model", "key"),
    )


def downgrade() -> None:
    """Drops them."""
    for table in ("label", "text", "pool"):
        op.drop_table(f"feedback_{table}")


def _pools() -> None:
    op.create_table(
        "feedback_pool",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("model", _NAME, nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("multi_label", sa.Boolean(), nullable=False),
        sa.Column("set_aside", sa.Integer(), nullable=False),
        sa.Column("added_at", _TIME, nullable=False),
    )
    op.create_table(
        "feedback_text",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("pool_id", _KEY, sa.ForeignKey("feedback_pool.id"), nullable=False),
        sa.Column("key", _KEY, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger()),
        sa.Column("predicted", sa.Text()),
        *(sa.Column(name, sa.Double()) for name in ("score", "margin", "entropy")),
        sa.Column("skipped", sa.Boolean(), nullable=False),
        sa.UniqueConstraint("pool_id", "key"),
    )
    op.create_index("ix_feedback_text_margin", "feedback_text", ["pool_id", "margin"])
    op.create_index("ix_feedback_text_entropy", "feedback_text", ["pool_id", "entropy"])
