"""What earlier versions wrote still opens, and answers as it did."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfapp_client import Client

import tfapp
from tfapp.apps.monitor.service import Monitor
from tfapp.apps.recommend.service import Recommend
from tfapp.apps.support.service import Support
from tfapp.server import running_server

_FILES = Path(__file__).parent / "fixtures" / "2c319f2" / "files.zip"
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
