"""The summary of a hand-over is kept with its turn, for the person who takes over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005_support_summary"
down_revision = "0004_feedback"


def upgrade() -> None:
    """Adds the column; of older turns it is empty."""
    op.add_column("support_turn", sa.Column("summary", sa.Text(), nullable=False, server_default=""))
