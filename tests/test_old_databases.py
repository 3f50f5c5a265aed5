"""The databases that an earlier version wrote still open, and each row of them is read as it was written."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.apps.monitor.stream import HOUR, START, Stream, classified_message
from tests.apps.recommend.library import Library
from tests.apps.support.service import Service as SupportService
from tests.old_files import ARCHIVES, read_recorded, unpack
from tfapp.apps.feedback.service import Feedback
from tfapp.apps.monitor.service import Monitor
from tfapp.apps.recommend.service import Recommend
from tfapp.apps.shared.application import Application
from tfapp.apps.shared.store import Base, Store
from tfapp.apps.support.agent_inbox import AgentInbox
from tfapp.apps.support.intent_model import IntentModel
from tfapp.apps.support.service import Support

APPLICATIONS: dict[str, type[Application[Any] | Feedback]] = {
    "support": Support,
    "monitor": Monitor,
    "recommend": Recommend,
    "feedback": Feedback,
}
DATABASES = [("files", name) for name in ("support", "monitor", "recommend")] + [
    ("more", name) for name in APPLICATIONS
]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The databases of each archive and what was recorded of them, in a folder of its name."""
    for archive in ARCHIVES:
        unpack(archive, tmp_path / "old" / archive)
    return tmp_path / "old"


def _stored_rows(file: Path) -> dict[str, list[dict[str, Any]]]:
    """Returns all rows of a SQLite file by table, as they are stored."""
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name != 'alembic_version'")
        names = [name for (name,) in tables]
        return {name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")] for name in names}


def _same(value: Any, row_value: Any) -> bool:
    """Tells whether a value that was read stands for the one that is stored."""
    if isinstance(value, datetime):
        return value == datetime.fromisoformat(row_value).replace(tzinfo=UTC)
    return bool(value == (json.loads(row_value) if isinstance(value, dict | list) else row_value))


@pytest.mark.parametrize(("archive", "name"), DATABASES)
def test_every_row_of_a_database_is_read_as_it_was_written(tmp_path: Path, archive: str, name: str) -> None:
    folder = unpack(archive, tmp_path, name)
    before = {table: rows for table, rows in _stored_rows(folder / "store.sqlite").items() if rows}
    assert len(before) > 2
    service = APPLICATIONS[name].open(folder)
    tables = {mapper.local_table.name: mapper.local_table for mapper in Base.registry.mappers}
    try:
        for table, rows in before.items():
            order = [column for column in tables[table].columns if column.name in rows[0]]
            assert len(order) == len(rows[0])
            query = select(*order)
            service_rows = service.store.read(lambda session, query=query: list(session.execute(query)))
            stored_rows = [tuple(row[column.name] for column in order) for row in rows]
            assert all(all(map(_same, values, row)) for values, row in zip(service_rows, stored_rows, strict=True)), (
                table
            )
    finally:
        service.store.close()


def test_each_table_of_then_has_rows_in_a_database(old: Path) -> None:
    databases = [_stored_rows(old / archive / name / "store.sqlite") for archive, name in DATABASES]
    assert {name for database in databases for name, rows in database.items() if rows} == set(databases[0])


def _renamed(counts: dict[str, int]) -> dict[str, int]:
    """Returns counts of then by the names of now."""
    return {name.replace("set_aside", "rejected"): count for name, count in counts.items()}


def test_the_applications_open_their_databases(old: Path) -> None:
    files = old / "files"
    counts = read_recorded(files, "counts")
    support, monitor, recommend = (kind.open(files / kind.folder) for kind in (Support, Monitor, Recommend))
    try:
        assert support.settings.answer_threshold == 0.7
        assert support.knowledge.counts() == _renamed(counts["support"])
        assert _renamed(counts["monitor"]).items() <= monitor.queries.counts().items()
        alerts = [[alert.topic, alert.start.isoformat()] for alert in monitor.queries.alerts()]
        assert alerts == counts["monitor_alerts"]
        assert recommend.catalogue.counts() == _renamed(counts["recommend"])
    finally:
        for service in (support, monitor, recommend):
            service.store.close()


def test_pools_and_labels_of_the_feedback_are_as_they_were(old: Path) -> None:
    answers = read_recorded(old / "more", "feedback")
    feedback = Feedback.open(old / "more/feedback")
    try:
        (pool,) = feedback.pools.all()
        values = [pool.name, pool.model, pool.labels, pool.multi_label, pool.rejected]
        assert values == answers["pool"]
        assert vars(feedback.pools.progress(pool)) == answers["progress"]
        for measure, texts in answers["unlabelled"].items():
            assert [row.text for row in feedback.pools.least_certain(pool, measure, limit=9)] == texts
        assert {model: list(feedback.labels.rows(model)) for model in feedback.labels.counts()} == answers["labels"]
    finally:
        feedback.store.close()


def test_a_monitor_continues_with_its_entities_reference_and_detectors(old: Path) -> None:
    answers = read_recorded(old / "more", "monitor")
    with Store.open(old / "more/monitor/store.sqlite") as store:
        stream = Stream(store, **answers["settings"])
        trends = [[trend.name, trend.total.texts, trend.total.negatives] for trend in stream.queries.trends("entity")]
        assert trends == answers["entities"]
        assert len(stream.queries.texts(entity="brand:acme", limit=500)) == answers["texts"]
        assert _renamed(answers["counts"]).items() <= stream.queries.counts().items()
        assert sorted(str(row["reason"]) for row in stream.queries.rejected_rows()) == answers["set_aside"]
        assert stream.message_store.checkpoint("shop.jsonl") == answers["checkpoint"]
        assert [list(line) for line in stream.headlines()] == answers["alerts"]
        for hour in range(8, 16):
            text = "parcel came late" if hour < 14 else "phone of others works well"
            start = START + hour * HOUR
            stream.keep(
                [classified_message(f"{hour}-{n}", start + n * HOUR / 1000, text=f"{text} {n % 5}") for n in range(20)]
            )
            stream.evaluator.evaluate()
        stream.evaluator.evaluate(final=True)
        assert [list(line) for line in stream.headlines()] == answers["alerts_later"]


def test_conversations_and_corrections_of_the_support_are_as_they_were(old: Path, tmp_path: Path) -> None:
    answers = read_recorded(old / "more", "support")
    with Store.open(old / "more/support/store.sqlite") as store:
        service, inbox = SupportService(store, tmp_path), AgentInbox(store)
        turns = inbox.conversation("c")
        names = ("id", "question", "understood", "kind", "answer", "intent", "confidence", "summary")
        assert [[getattr(turn, name) for name in names] for turn in turns] == answers["conversation"]
        assert [turn.id for turn in inbox.open_handovers()] == answers["open"]
        reviews = [turn.review for turn in turns + inbox.conversation("d")]
        assert [review and [review.verdict, review.better] for review in reviews] == answers["reviews"]
        assert [list(grade) for grade in service.corrections.relevance_grades()] == answers["grades"]
        assert service.knowledge.counts() == _renamed(answers["counts"])
        assert service.knowledge.rejected_rows() == answers["set_aside"]
        training = IntentModel(store, service.clock, service.settings).last()
        assert training is not None
        assert {name: getattr(training, name) for name in answers["training"]} == answers["training"]
        # One correction was given and not learnt yet.
        assert service.corrections.learn().corrections == 1
        service.build(())
        assert service.assistant().ask("Do you sell kites in the winter?").text == answers["better"]


def test_a_trained_ranking_recommends_what_it_recommended(old: Path, tmp_path: Path) -> None:
    answers = read_recorded(old / "more", "recommend")
    with Store.open(old / "more/recommend/store.sqlite") as store:
        library = Library(store, tmp_path)
        training = library.catalogue.newest_training()
        assert training is not None
        assert [training.embedder, training.events, training.lists] == answers["training"]
        assert library.catalogue.counts() == _renamed(answers["counts"])
        recommender = library.recommender()
        for user, items in answers["lists"].items():
            assert [one.item.key for one in recommender.recommend(user, 5).suggestions] == items
