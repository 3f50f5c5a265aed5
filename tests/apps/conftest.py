"""Databases for the tests of the applications (SQLite, and PostgreSQL where it is installed), and a console."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apps.postgres import PostgresServer, find_programs, running_server
from tests.console_site import ready_home, site
from tfapp.apps.shared.store import Store

__all__ = ["postgres", "ready_home", "site", "store", "store_url"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A private server; the test is skipped where PostgreSQL is not installed."""
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql), so it was not tried")
    with running_server(programs) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An open store on such a database."""
    with Store.open(store_url) as database:
        yield database
