"""Holds the migrations of the applications' database, which Alembic runs when an older database is opened."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text

__all__ = ["UnknownRevisionError", "upgrade"]

# Any number will do, as long as nothing else in the database locks by it.
_LOCK = 7_461_707_001


class UnknownRevisionError(Exception):
    """Raised when the tables are of an unknown version, which is its argument."""


def upgrade(connection: Connection) -> None:
    """Brings the tables up to date, in the connection's transaction.

    Two processes that begin at the same time wait for each other.

    Args:
        connection: In a transaction.

    Raises:
        UnknownRevisionError: A newer tfapp made them, or another program.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    revisions = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    for revision in MigrationContext.configure(connection).get_current_heads():
        if revision not in revisions:
            raise UnknownRevisionError(revision)
    command.upgrade(config, "head")
