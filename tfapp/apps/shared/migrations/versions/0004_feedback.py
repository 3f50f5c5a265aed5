"""The feedback's tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from tfapp.apps.shared.migrations.columns import INTEGER, KEY, NAME, NUMBER, TEXT, TIME, number, required_columns

revision = "0004_feedback"
down_revision = "0003_recommend"


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "feedback_pool",
        sa.Column("id", KEY, primary_key=True),
        *required_columns(
            name=NAME, model=NAME, labels=sa.JSON(), multi_label=sa.Boolean(), set_aside=INTEGER, added_at=TIME
        ),
    )
    op.create_table(
        "feedback_text",
        number(),
        sa.Column("pool_id", KEY, sa.ForeignKey("feedback_pool.id"), nullable=False),
        *required_columns(key=KEY, text=TEXT),
        *_answer(),
        *(sa.Column(name, NUMBER) for name in ("margin", "entropy")),
        *required_columns(skipped=sa.Boolean()),
        sa.UniqueConstraint("pool_id", "key"),
    )
    op.create_index("ix_feedback_text_margin", "feedback_text", ["pool_id", "margin"])
    op.create_index("ix_feedback_text_entropy", "feedback_text", ["pool_id", "entropy"])
    op.create_table(
        "feedback_label",
        number(),
        *required_columns(model=NAME, key=KEY, text=TEXT, given=sa.JSON(), multi_label=sa.Boolean()),
        *_answer(),
        *required_columns(given_by=NAME, given_at=TIME),
        sa.UniqueConstraint("model", "key"),
    )


def _answer() -> list[sa.Column[Any]]:
    return [sa.Column("version", sa.BigInteger()), sa.Column("predicted", TEXT), sa.Column("score", NUMBER)]
