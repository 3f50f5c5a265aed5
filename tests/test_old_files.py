"""What earlier versions wrote still opens, and answers as it did."""

from __future__ import annotations

import json
import sqlite3
import tomllib
import zipfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sqlalchemy import select
from tfapp_client import Client

import tfapp
from tests.apps.monitor.stream import HOUR, START, Stream, classified
from tests.apps.recommend.library import Library
from tests.apps.support.service import Service as SupportService
from tfapp.apps.feedback.service import Feedback
from tfapp.apps.monitor.service import Monitor
from tfapp.apps.recommend.service import Recommend
from tfapp.apps.shared.application import Application
from tfapp.apps.shared.store import Base, Store
from tfapp.apps.support.agent_inbox import AgentInbox
from tfapp.apps.support.intent_model import IntentModel
from tfapp.apps.support.service import Support
from tfapp.config.task_settings import foreign_fields
from tfapp.errors import SettingsError
from tfapp.models import load_preset
from tfapp.server import running_server
from tfapp.tasks.experiments import load_experiment, task_settings
from tfapp.tasks.models import build_model
from tfapp.tasks.pretraining.evaluation_result import LanguageEvaluation
from tfapp.tasks.registry import find_task

_FOLDER = Path(__file__).parent / "fixtures" / "2c319f2"
TASKS = ["classification", "ranking", "tagging", "answering"]
RUNS: list[Any] = [
    *(("files", task) for task in TASKS if task != "tagging"),
    # Its answers have no spans; those of the other one have.
    pytest.param("files", "tagging", marks=pytest.mark.slow),
    *(("more", name) for name in ("pair-classification", "embedding", "tagging", "lstm")),
]
APPLICATIONS: dict[str, type[Application[Any] | Feedback]] = {
    "support": Support,
    "monitor": Monitor,
    "recommend": Recommend,
    "feedback": Feedback,
}
DATABASES = [("files", name) for name in ("support", "monitor", "recommend")] + [
    ("more", name) for name in APPLICATIONS
]


def _unpack(archive: str, folder: Path, part: str = "") -> Path:
    with zipfile.ZipFile(_FOLDER / f"{archive}.zip") as files:
        files.extractall(folder, [name for name in files.namelist() if name.startswith(part)])
    return folder / part


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of each archive, in a folder of its name."""
    folder = tmp_path_factory.mktemp("old")
    for archive in ("files", "more"):
        _unpack(archive, folder / archive)
    return folder


def _recorded(archive: Path, name: str) -> Any:
    return json.loads((archive / "answers.json").read_text(encoding="utf-8"))[name]


def _recorded_answers(archive: Path, name: str) -> tuple[list[Any], dict[str, Any]]:
    recorded = _recorded(archive, name)
    rows = [tuple(row) if isinstance(row, list) else row for row in recorded["texts"]]
    return rows, recorded["answers"]


def _check(answers: dict[str, np.ndarray], expected: dict[str, Any]) -> None:
    assert set(answers) == set(expected)
    for name, values in expected.items():
        if answers[name].dtype.kind == "f":
            np.testing.assert_allclose(answers[name], values, atol=1e-4)
        else:
            assert answers[name].tolist() == values


def test_runs_are_listed_and_compared_with_those_of_today(old: Path) -> None:
    records = tfapp.list_runs(old / "files", name="runs")
    assert [(record.task, record.state, record.problem) for record in records] == [
        (task, "finished", "") for task in sorted(TASKS)
    ]
    assert all(record.dev and record.evaluation and record.seconds is None for record in records)
    comparison = tfapp.compare_runs(records[0].path, records[1].path)
    assert comparison.verdict == "not compared: F1 and accuracy are different scores"


@pytest.mark.parametrize(("archive", "name"), RUNS)
def test_a_run_opens_and_answers_as_it_did(old: Path, archive: str, name: str) -> None:
    rows, expected = _recorded_answers(old / archive, name)
    run = tfapp.open_run(old / archive / "runs" / name)
    assert (run.experiment.task, run.experiment.network.kind) == (
        ("classification", "lstm") if name == "lstm" else (name, "bert")
    )
    assert run.evaluation.count > 0
    _check(run.predict(rows), expected)


def test_a_pretraining_run_opens_and_other_models_start_from_its_preset(old: Path) -> None:
    recorded = _recorded(old / "more", "pretraining")
    run = tfapp.open_run(old / "more/runs/pretraining")
    assert isinstance(run.evaluation, LanguageEvaluation)
    assert {name: getattr(run.evaluation, name) for name in recorded["evaluation"]} == recorded["evaluation"]
    other = run.evaluate(old / "more/lines.txt")
    assert isinstance(other, LanguageEvaluation)
    assert other.count == recorded["lines"]["count"]
    assert other.perplexity == pytest.approx(recorded["lines"]["perplexity"], rel=1e-4)
    assert list(load_preset(str(run.folder.preset)).vocabulary) == recorded["vocabulary"]
    settings = find_task("embedding").settings.model(preset=str(run.folder.preset), max_length=32, pooling="mean")
    model = build_model("embedding", settings, ())
    answers = model.predict_text({"text": tf.constant(recorded["texts"])})
    _check({name: value.numpy() for name, value in answers.items()}, recorded["answers"])


def test_an_exported_model_answers_as_it_did_here_and_served(old: Path) -> None:
    rows, expected = _recorded_answers(old / "files", "classification")
    models = old / "files" / "models"
    _check(tfapp.predict(models / "classification", rows), expected)
    with running_server(models, port=0) as server, Client(server.address) as client:
        answers = client.classify("classification", rows)
    assert [answer.label for answer in answers] == expected["label"]


@pytest.mark.parametrize("task", [file.stem for file in sorted((_FOLDER / "settings").glob("*.toml"))])
def test_settings_of_all_tasks_mean_what_they_meant(task: str) -> None:
    file = _FOLDER / "settings" / f"{task}.toml"
    settings = tomllib.loads(file.read_text(encoding="utf-8"))
    experiment = load_experiment(file)
    assert (experiment.name, experiment.task) == ("old", task)
    for section in ("data", "model", "training", "export"):
        values = getattr(experiment, section).model_dump(mode="json")
        same = {name: value for name, value in settings[section].items() if name in values}
        assert {name: values[name] for name in same} == same
        left_out = {f"{section}.{name}" for name in settings[section].keys() - same.keys()}
        # Each at its default; the next test has another value.
        assert left_out <= foreign_fields(task_settings()[task], task_settings().values()).keys()


def test_a_setting_of_another_task_is_refused_where_it_has_another_value_than_its_default() -> None:
    file = _FOLDER / "settings" / "tagging.toml"
    with pytest.raises(SettingsError, match=r"model\.lstm_units is not read by the task tagging; remove it"):
        load_experiment(file, ["model.lstm_units=128"])
    assert load_experiment(_FOLDER / "settings" / "classification.toml", ["model.lstm_units=128"]).model


def _stored_rows(file: Path) -> dict[str, list[dict[str, Any]]]:
    """Returns all rows of a SQLite file by table, as they are stored."""
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name != 'alembic_version'")
        names = [name for (name,) in tables]
        return {name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")] for name in names}


def _same(value: Any, stored: Any) -> bool:
    """Tells whether a value that was read stands for the one that is stored."""
    if isinstance(value, datetime):
        return value == datetime.fromisoformat(stored).replace(tzinfo=UTC)
    return bool(value == (json.loads(stored) if isinstance(value, dict | list) else stored))


@pytest.mark.parametrize(("archive", "name"), DATABASES)
def test_every_row_of_a_database_is_read_as_it_was_written(tmp_path: Path, archive: str, name: str) -> None:
    folder = _unpack(archive, tmp_path, name)
    before = {table: rows for table, rows in _stored_rows(folder / "store.sqlite").items() if rows}
    assert len(before) > 2
    service = APPLICATIONS[name].open(folder)
    tables = {mapper.local_table.name: mapper.local_table for mapper in Base.registry.mappers}
    try:
        for table, rows in before.items():
            order = [column for column in tables[table].columns if column.name in rows[0]]
            assert len(order) == len(rows[0])
            query = select(*order)
            read = service.store.read(lambda session, query=query: list(session.execute(query)))
            stored = [tuple(row[column.name] for column in order) for row in rows]
            assert all(all(map(_same, values, row)) for values, row in zip(read, stored, strict=True)), table
    finally:
        service.store.close()


def test_each_table_of_then_has_rows_in_a_database(old: Path) -> None:
    databases = [_stored_rows(old / archive / name / "store.sqlite") for archive, name in DATABASES]
    assert {name for database in databases for name, rows in database.items() if rows} == set(databases[0])


def test_the_applications_open_their_databases(old: Path) -> None:
    files = old / "files"
    counts = _recorded(files, "counts")
    support, monitor, recommend = (kind.open(files / kind.folder) for kind in (Support, Monitor, Recommend))
    try:
        assert support.settings.answer_threshold == 0.7
        assert support.knowledge.counts() == counts["support"]
        assert counts["monitor"].items() <= monitor.queries.counts().items()
        alerts = [[alert.topic, alert.start.isoformat()] for alert in monitor.queries.alerts()]
        assert alerts == counts["monitor_alerts"]
        assert recommend.catalogue.counts() == counts["recommend"]
    finally:
        for service in (support, monitor, recommend):
            service.store.close()


def test_pools_and_labels_of_the_feedback_are_as_they_were(old: Path) -> None:
    recorded = _recorded(old / "more", "feedback")
    feedback = Feedback.open(old / "more/feedback")
    try:
        (pool,) = feedback.pools.all()
        values = [pool.name, pool.model, pool.labels, pool.multi_label, pool.set_aside]
        assert values == recorded["pool"]
        assert vars(feedback.pools.progress(pool)) == recorded["progress"]
        for measure, texts in recorded["unlabelled"].items():
            assert [row.text for row in feedback.pools.least_certain(pool, measure, limit=9)] == texts
        assert {model: list(feedback.labels.rows(model)) for model in feedback.labels.counts()} == recorded["labels"]
    finally:
        feedback.store.close()


def test_a_monitor_continues_with_its_entities_reference_and_detectors(old: Path) -> None:
    recorded = _recorded(old / "more", "monitor")
    with Store.open(old / "more/monitor/store.sqlite") as store:
        stream = Stream(store, **recorded["settings"])
        trends = [[trend.name, trend.total.texts, trend.total.negatives] for trend in stream.queries.trends("entity")]
        assert trends == recorded["entities"]
        assert len(stream.queries.texts(entity="brand:acme", limit=500)) == recorded["texts"]
        assert recorded["counts"].items() <= stream.queries.counts().items()
        assert sorted(str(row["reason"]) for row in stream.queries.rejected_rows()) == recorded["set_aside"]
        assert stream.message_store.checkpoint("shop.jsonl") == recorded["checkpoint"]
        assert [list(line) for line in stream.headlines()] == recorded["alerts"]
        for hour in range(8, 16):
            text = "parcel came late" if hour < 14 else "phone of others works well"
            start = START + hour * HOUR
            stream.keep([classified(f"{hour}-{n}", start + n * HOUR / 1000, text=f"{text} {n % 5}") for n in range(20)])
            stream.evaluator.evaluate()
        stream.evaluator.evaluate(final=True)
        assert [list(line) for line in stream.headlines()] == recorded["alerts_later"]


def test_conversations_and_corrections_of_the_support_are_as_they_were(old: Path, tmp_path: Path) -> None:
    recorded = _recorded(old / "more", "support")
    with Store.open(old / "more/support/store.sqlite") as store:
        service, inbox = SupportService(store, tmp_path), AgentInbox(store)
        turns = inbox.conversation("c")
        names = ("id", "question", "understood", "kind", "answer", "intent", "confidence", "summary")
        assert [[getattr(turn, name) for name in names] for turn in turns] == recorded["conversation"]
        assert [turn.id for turn in inbox.open_handovers()] == recorded["open"]
        reviews = [turn.review for turn in turns + inbox.conversation("d")]
        assert [review and [review.verdict, review.better] for review in reviews] == recorded["reviews"]
        assert [list(grade) for grade in service.corrections.relevance_grades()] == recorded["grades"]
        assert service.knowledge.counts() == recorded["counts"]
        assert service.knowledge.rejected_rows() == recorded["set_aside"]
        training = IntentModel(store, service.clock, service.settings).last()
        assert training is not None
        assert {name: getattr(training, name) for name in recorded["training"]} == recorded["training"]
        # One correction was given and not learnt yet.
        assert service.corrections.learn().corrections == 1
        service.build(())
        assert service.assistant().ask("Do you sell kites in the winter?").text == recorded["better"]


def test_a_trained_ranking_recommends_what_it_recommended(old: Path, tmp_path: Path) -> None:
    recorded = _recorded(old / "more", "recommend")
    with Store.open(old / "more/recommend/store.sqlite") as store:
        library = Library(store, tmp_path)
        training = library.catalogue.newest_training()
        assert training is not None
        assert [training.embedder, training.events, training.lists] == recorded["training"]
        assert library.catalogue.counts() == recorded["counts"]
        recommender = library.recommender()
        for user, items in recorded["lists"].items():
            assert [one.item.key for one in recommender.recommend(user, 5).suggestions] == items
