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
from sqlalchemy import select
from tfapp_client import Client

import tfapp
from tfapp.apps.monitor.service import Monitor
from tfapp.apps.recommend.service import Recommend
from tfapp.apps.shared.application import Application
from tfapp.apps.shared.store import Base
from tfapp.apps.support.service import Support
from tfapp.config.task_settings import foreign_fields
from tfapp.errors import SettingsError
from tfapp.server import running_server
from tfapp.tasks.experiments import load_experiment, task_settings

_FOLDER = Path(__file__).parent / "fixtures" / "2c319f2"
_FILES = _FOLDER / "files.zip"
TASKS = ["classification", "ranking", "tagging", "answering"]


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("old")
    with zipfile.ZipFile(_FILES) as files:
        files.extractall(folder)
    return folder


def _recorded(old: Path, task: str) -> tuple[list[Any], dict[str, Any]]:
    recorded = json.loads((old / "answers.json").read_text(encoding="utf-8"))[task]
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
    records = tfapp.list_runs(old, name="runs")
    assert [(record.task, record.state, record.problem) for record in records] == [
        (task, "finished", "") for task in sorted(TASKS)
    ]
    assert all(record.dev and record.evaluation and record.seconds is None for record in records)
    comparison = tfapp.compare_runs(records[0].path, records[1].path)
    assert comparison.verdict == "not compared: F1 and accuracy are different scores"


@pytest.mark.parametrize("task", TASKS)
def test_a_run_opens_and_answers_as_it_did(old: Path, task: str) -> None:
    rows, expected = _recorded(old, task)
    run = tfapp.open_run(old / "runs" / task)
    assert (run.experiment.task, run.evaluation.count > 0) == (task, True)
    _check(run.predict(rows), expected)


def test_an_exported_model_answers_as_it_did_here_and_served(old: Path) -> None:
    rows, expected = _recorded(old, "classification")
    _check(tfapp.predict(old / "models" / "classification", rows), expected)
    with running_server(old / "models", port=0) as server, Client(server.address) as client:
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


@pytest.mark.parametrize("application", [Support, Monitor, Recommend], ids=lambda kind: kind.folder)
def test_every_row_of_a_database_is_read_as_it_was_written(tmp_path: Path, application: type[Application[Any]]) -> None:
    folder = tmp_path / application.folder
    with zipfile.ZipFile(_FILES) as files:
        files.extractall(tmp_path, [name for name in files.namelist() if name.startswith(f"{application.folder}/")])
    before = {name: rows for name, rows in _stored_rows(folder / "store.sqlite").items() if rows}
    assert len(before) > 4
    service = application.open(folder)
    tables = {mapper.local_table.name: mapper.local_table for mapper in Base.registry.mappers}
    try:
        for name, rows in before.items():
            order = [column for column in tables[name].columns if column.name in rows[0]]
            assert len(order) == len(rows[0])
            query = select(*order)
            read = service.store.read(lambda session, query=query: list(session.execute(query)))
            stored = [tuple(row[column.name] for column in order) for row in rows]
            assert all(all(map(_same, values, row)) for values, row in zip(read, stored, strict=True)), name
    finally:
        service.store.close()


def test_the_applications_open_their_databases(old: Path) -> None:
    counts = json.loads((old / "answers.json").read_text(encoding="utf-8"))["counts"]
    support, monitor, recommend = (kind.open(old / kind.folder) for kind in (Support, Monitor, Recommend))
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
