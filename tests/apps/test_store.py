from __future__ import annotations

import importlib
import pkgutil
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.orm import Session

import tfapp.apps.recommend.tables  # noqa: F401 - what the migrations make is compared with all tables
from tests.apps.postgres import PostgresServer
from tfapp import apps
from tfapp.apps.store import Base, Store
from tfapp.apps.support.tables import ConversationRow, TextRow
from tfapp.errors import StoreError

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def count(store: Store) -> int:
    return store.read(lambda session: session.scalar(select(func.count()).select_from(TextRow)) or 0)


def test_the_migrations_make_the_tables_that_the_code_reads(store: Store) -> None:
    for module in pkgutil.walk_packages(apps.__path__, f"{apps.__name__}."):
        if module.name.endswith(".tables"):
            importlib.import_module(module.name)
    found = store.run(lambda s: compare_metadata(MigrationContext.configure(s.connection()), Base.metadata))
    assert found == []


def test_what_was_kept_is_there_when_it_is_opened_again(store_url: str) -> None:
    with Store.open(store_url) as first:
        first.run(lambda session: session.add(TextRow(key="a", text="näive 你好")))
    with Store.open(store_url) as second:
        assert second.run(lambda session: list(session.scalars(select(TextRow.text)))) == ["näive 你好"]


def test_a_unit_of_work_that_fails_leaves_nothing(store: Store) -> None:
    def work(session: Session) -> None:
        session.add(TextRow(key="a", text="a"))
        session.flush()
        raise KeyError("on the way")

    with pytest.raises(KeyError):
        store.run(work)
    assert count(store) == 0


def test_who_reads_does_not_wait_for_who_writes(store: Store) -> None:
    def work(session: Session) -> int:
        session.add(TextRow(key="a", text="a"))
        session.flush()
        return count(store)

    assert store.run(work) == 0
    assert count(store) == 1


def test_who_reads_changes_nothing(store: Store) -> None:
    with pytest.raises((StoreError, DBAPIError), match=r"readonly|read-only"):
        store.read(lambda session: session.add(TextRow(key="a", text="a")))
    assert count(store) == 0
    # The connection is for all again.
    store.run(lambda session: session.add(TextRow(key="a", text="a")))
    assert count(store) == 1


def test_a_time_keeps_its_moment(store: Store) -> None:
    given = NOON.astimezone(timezone(timedelta(hours=5)))
    store.run(lambda session: session.add(ConversationRow(id="c", started_at=given)))
    (read,) = store.run(lambda session: list(session.scalars(select(ConversationRow.started_at))))
    assert (read, read.tzinfo) == (NOON, UTC)


def test_two_that_add_the_same_row_at_the_same_time_both_succeed(store: Store) -> None:
    meet = threading.Barrier(2, timeout=20)
    tries: list[int] = []

    def work(session: Session) -> None:
        known = session.scalars(select(TextRow).where(TextRow.key == "a")).first()
        if not tries.count(threading.get_ident()):
            tries.append(threading.get_ident())
            # SQLite lets one in at a time; then the other must not wait for it here.
            if session.connection().dialect.name == "postgresql":
                meet.wait()
        if known is None:
            session.add(TextRow(key="a", text="a"))

    threads = [threading.Thread(target=store.run, args=[work]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(store) == 1


def test_it_goes_on_after_the_database_was_restarted(postgres: PostgresServer) -> None:
    with Store.open(postgres.new_database()) as store:
        store.run(lambda session: session.add(TextRow(key="a", text="a")))
        postgres.stop("immediate")
        postgres.start()
        assert count(store) == 1


def test_work_waits_while_the_database_is_away(postgres: PostgresServer) -> None:
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            postgres.start()

    with Store.open(postgres.new_database(), pauses=(0.1, 0.2, 0.3), sleep=sleep) as store:
        postgres.stop()
        store.run(lambda session: session.add(TextRow(key="a", text="a")))
        assert waited == [0.1, 0.2]
        assert count(store) == 1


def test_a_database_that_stays_away_is_named_without_its_password(tmp_path: Path) -> None:
    pauses: list[float] = []
    url = f"postgresql://me:secret@/x?host={tmp_path}"
    with pytest.raises(StoreError, match=r"://me:\*\*\*@/x.*cannot be used: .*; check that it runs") as caught:
        Store.open(url, pauses=(1, 2), sleep=pauses.append)
    assert "secret" not in str(caught.value)
    assert pauses == [1, 2]


@pytest.mark.parametrize("url", ["mysql://x/y", "://", "oracle+cx://a"])
def test_other_databases_are_refused_with_the_way_out(url: str) -> None:
    with pytest.raises(StoreError, match="expected sqlite:///FILE or postgresql://USER@HOST/NAME"):
        Store.open(url)


def test_a_defect_of_ours_is_not_tried_again(store: Store) -> None:
    tries: list[int] = []

    def work(session: Session) -> None:
        tries.append(1)
        session.execute(text("SELECT nonsense FROM nowhere"))

    # SQLite calls it operational; neither may come back as success, or be tried again.
    with pytest.raises((ProgrammingError, StoreError)):
        store.run(work)
    assert tries == [1]
