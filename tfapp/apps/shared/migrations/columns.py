"""Columns and tables that several migrations create; they are published, so never change them."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

__all__ = ["INTEGER", "KEY", "NAME", "NUMBER", "TEXT", "TIME", "create_ingest_tables", "number", "required_columns"]

KEY: Final = sa.String(32)
NAME: Final = sa.String(200)
TEXT: Final = sa.Text()
TIME: Final = sa.DateTime(timezone=True)
INTEGER: Final = sa.Integer()
NUMBER: Final[sa.Double[float]] = sa.Double()


def number() -> sa.Column[int]:
    """Returns the primary key of a table whose rows are numbered."""
    return sa.Column("id", INTEGER, primary_key=True)


def required_columns(**kinds: Any) -> list[sa.Column[Any]]:
    """Returns columns that are never empty, from their types by name."""
    return [sa.Column(name, kind, nullable=False) for name, kind in kinds.items()]


def create_ingest_tables(ingests: str, rejections: str) -> None:
    """Makes the tables of an application's ingests and of their rejected rows."""
    counts = dict.fromkeys(("rows", "added", "repeated", "set_aside"), INTEGER)
    op.create_table(
        ingests,
        sa.Column("id", KEY, primary_key=True),
        *required_columns(source=TEXT, started_at=TIME),
        sa.Column("finished_at", TIME),
        *required_columns(**counts),
    )
    op.create_table(
        rejections,
        number(),
        sa.Column("build_id", KEY, sa.ForeignKey(f"{ingests}.id"), nullable=False, index=True),
        *required_columns(line=INTEGER, reason=TEXT, content=TEXT),
    )
