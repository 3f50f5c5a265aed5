from __future__ import annotations

import importlib
import pkgutil
import threading
import traceback
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, func, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.orm import Session

import tfapp.apps.recommend.tables  # noqa: F401 - what the migrations make is compared with all tables
from tests.apps.postgres import PostgresServer
from tfapp import apps
from tfapp.apps.shared.database_url import parse_url, shown_url
from tfapp.apps.shared.store import Base, Store
from tfapp.apps.support.tables import ConversationRow, TextRow
from tfapp.errors import StoreError

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def count(store: Store) -> int:
    return store.read(lambda session: session.scalar(select(func.count()).select_from(TextRow)) or 0)


def test_the_migrations_make_the_tables_that_the_code_reads(store: Store) -> None:
    for module in pkgutil.walk_packages(apps.__path__, f"{apps.__name__}."):
        if module.name.endswith(".tables"):
            importlib.import_module(module.name)
    differences = store.run(lambda s: compare_metadata(MigrationContext.configure(s.connection()), Base.metadata))
    assert differences == []


def test_what_was_kept_is_there_when_it_is_opened_again(store_url: str) -> None:
    with Store.open(store_url) as first:
        first.run(lambda session: session.add(TextRow(key="a", text="näive 你好")))
    with Store.open(store_url) as second_store:
        assert second_store.run(lambda session: list(session.scalars(select(TextRow.text)))) == ["näive 你好"]


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
    moment = NOON.astimezone(timezone(timedelta(hours=5)))
    store.run(lambda session: session.add(ConversationRow(id="c", started_at=moment)))
    (time,) = store.run(lambda session: list(session.scalars(select(ConversationRow.started_at))))
    assert (time, time.tzinfo) == (NOON, UTC)


def test_two_that_add_the_same_row_at_the_same_time_both_succeed(store: Store) -> None:
    meet = threading.Barrier(2, timeout=20)
    tries: list[int] = []

    def work(session: Session) -> None:
        row = session.scalars(select(TextRow).where(TextRow.key == "a")).first()
        if not tries.count(threading.get_ident()):
            tries.append(threading.get_ident())
            # SQLite lets one in at a time; then the other must not wait for it here.
            if session.connection().dialect.name == "postgresql":
                meet.wait()
        if row is None:
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
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            postgres.start()

    with Store.open(postgres.new_database(), pauses=(0.1, 0.2, 0.3), sleep=sleep) as store:
        postgres.stop()
        store.run(lambda session: session.add(TextRow(key="a", text="a")))
        assert pauses == [0.1, 0.2]
        assert count(store) == 1


def test_a_database_that_stays_away_is_named_without_its_password(tmp_path: Path) -> None:
    pauses: list[float] = []
    url = f"postgresql://me:secret@/x?host={tmp_path}"
    with pytest.raises(StoreError, match=r"://me:\*\*\*@/x.*cannot be used: .*; check that it runs") as excinfo:
        Store.open(url, pauses=(1, 2), sleep=pauses.append)
    assert "secret" not in str(excinfo.value)
    assert pauses == [1, 2]


@pytest.mark.parametrize("url", ["mysql://x/y", "://", "oracle+cx://a"])
def test_other_databases_are_refused_with_the_way_out(url: str) -> None:
    with pytest.raises(StoreError, match="expected sqlite:///FILE or postgresql://USER@HOST/NAME"):
        Store.open(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgres//me:secret@h/x",
        "postgres;//me:secret@h/x",
        "postgres.//me:secret@h/x",
        "postgres/me:secret@h/x",
        "me:secret@h/x",
        "sqlite:/x",
        "postgresql:me:secret@h",
        "mysql:/x",
        "Postgres//me:secret@h/x",
        "pgsql//me:secret@h/x",
    ],
)
def test_what_looks_like_a_url_never_becomes_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match="no database URL; expected sqlite:///FILE") as excinfo:
        Store.open(url)
    assert "secret" not in str(excinfo.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["a@b/c.sqlite", "postgres.sqlite", "data//store", "x:y", "postgresql/a"])
def test_a_plain_path_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.chdir(tmp_path)
    Store.open(path).close()
    assert Path(path).is_file()


@pytest.mark.parametrize("port", ["port", "65536", "-1", "99999999999999999999"])
def test_a_bad_port_is_one_line_without_the_password(port: str) -> None:
    with pytest.raises(StoreError, match="its port is no number from 0 to 65535") as excinfo:
        Store.open(f"postgresql://me:secret@h:{port}/x?password=too")
    assert "secret" not in str(excinfo.value)
    assert "too" not in str(excinfo.value)


def test_an_option_that_the_driver_refuses_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot be used: .*option") as excinfo:
        Store.open(f"postgresql://me:secret@/x?host={tmp_path}&nonsense=1", pauses=())
    assert "secret" not in str(excinfo.value)
    assert "\n" not in str(excinfo.value)


@given(
    user=st.from_regex(r"[a-z]{1,5}", fullmatch=True),
    password=st.from_regex(r"Q[A-Z@:/?#%]{0,8}Q", fullmatch=True),
    scheme=st.sampled_from(["postgresql://", "postgres//", "postgresql:", "mysql://", "", "//"]),
    rest=st.sampled_from(["h/x", "h:1/x", "h:p/x", "[::1/x", ""]),
)
def test_no_password_is_shown(user: str, password: str, scheme: str, rest: str) -> None:
    assert "Q" not in shown_url(f"{scheme}{user}:{password}@{rest}")
    assert "Q" not in shown_url(f"postgresql://{user}@{rest}?sslmode=on&password=QQ")


def test_a_database_of_a_newer_tfapp_is_left_alone(store_url: str) -> None:
    with Store.open(store_url) as store:
        store.run(lambda session: session.execute(text("UPDATE alembic_version SET version_num = '9999_later'")))
    with pytest.raises(
        StoreError, match=r"of version 9999_later, which this tfapp does not know; .* install the newest"
    ):
        Store.open(store_url)


def test_a_database_of_another_program_is_left_alone(store_url: str) -> None:
    engine = create_engine(parse_url(store_url))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE support_text (number INTEGER)"))
    with pytest.raises(StoreError, match=r"already exists; its tables are another program's"):
        Store.open(store_url, pauses=())
    with engine.begin() as connection:
        assert inspect(connection).get_table_names() == ["support_text"]
    engine.dispose()


def test_tables_that_are_gone_are_one_line(store: Store) -> None:
    store.run(lambda session: session.execute(text("ALTER TABLE support_text RENAME TO somewhere")))
    with pytest.raises(
        StoreError, match=r"cannot be used: .*support_text.*; its tables are another program's, or damaged"
    ):
        count(store)


@pytest.mark.parametrize(
    "content", [b"no database, but a text of some length" * 100, b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_a_broken_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "store.sqlite"
    file.write_bytes(content)
    with pytest.raises(
        StoreError, match=r"store\.sqlite: the database cannot be used: .*; it is damaged, or no database"
    ):
        Store.open(file)
    assert file.read_bytes() == content


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store.sqlite") as store:

        def fill(session: Session) -> None:
            session.execute(text("PRAGMA max_page_count = 1"))
            session.execute(text("CREATE TABLE more AS SELECT hex(randomblob(100000))"))

        with pytest.raises(StoreError, match="cannot be used: database or disk is full; free some space on its disk"):
            store.run(fill)


def test_what_is_stored_stays_out_of_errors(store_url: str) -> None:
    def twice(session: Session) -> None:
        session.execute(insert(TextRow), [{"key": "private", "text": "words"}])
        session.execute(insert(TextRow), [{"key": "private", "text": "words"}])

    with Store.open(store_url, pauses=()) as store, pytest.raises(DBAPIError) as excinfo:
        store.run(twice)
    trace = "".join(traceback.format_exception(excinfo.value))
    assert "private" not in trace.replace('"key": "private"', "")
    assert "duplicate" in trace or "UNIQUE" in trace


def test_a_defect_of_ours_is_not_tried_again(store: Store) -> None:
    tries: list[int] = []

    def work(session: Session) -> None:
        tries.append(1)
        session.execute(text("SELECT nonsense FROM nowhere"))

    # SQLite calls it operational; neither may come back as success, or be tried again.
    with pytest.raises((ProgrammingError, StoreError)):
        store.run(work)
    assert tries == [1]
