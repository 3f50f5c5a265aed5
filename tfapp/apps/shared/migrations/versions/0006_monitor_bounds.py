"""Rows that are set aside are counted for good, as only the newest are kept; what no sink takes is marked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006_monitor_bounds"
down_revision = "0005_support_summary"


def upgrade() -> None:
    """Adds the columns; what was set aside before is counted."""
    op.add_column("monitor_delivery", sa.Column("failed_at", sa.DateTime(timezone=True)))
    op.add_column("monitor_progress", sa.Column("set_aside", sa.Integer(), nullable=False, server_default="0"))
    op.execute("UPDATE monitor_progress SET set_aside = (SELECT count(*) FROM monitor_set_aside)")
