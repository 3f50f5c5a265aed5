"""Runs the migrations for Alembic, on the connection that it was handed."""

from __future__ import annotations

from alembic import context

# DDL is transactional in SQLite, too, since the store begins its transactions itself.
context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
