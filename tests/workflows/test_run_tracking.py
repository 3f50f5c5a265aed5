"""Runs in MLflow, by a database of its own in a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import tfapp
from tests.run_folders import class_evaluation, write_run
from tfapp.errors import TrainingError
from tfapp.workflows.run_tracking import _metric_name

mlflow: Any = pytest.importorskip("mlflow")
pytest.importorskip("sqlalchemy")


def test_runs_are_copied_once(tmp_path: Path) -> None:
    first = write_run(tmp_path / "runs", "20260101-000000", class_evaluation([1, 2]), dev=(0.5, 0.9))
    second = write_run(tmp_path / "runs", "20260102-000000", class_evaluation([1]), training={"epochs": 9})
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    (tracked_run,) = tfapp.track_runs([first], uri)
    assert (tracked_run.run, tracked_run.experiment, tracked_run.is_new) == (first, "toy", True)
    repeat, second_result = tfapp.track_runs([first, second], uri)
    assert (repeat.run_id, repeat.is_new, second_result.is_new) == (tracked_run.run_id, False, True)

    client = mlflow.MlflowClient(tracking_uri=uri)
    run = client.get_run(tracked_run.run_id)
    assert (run.info.status, run.info.end_time - run.info.start_time) == ("FINISHED", 120_000)
    assert run.data.tags["tfapp.run"] == "toy/20260101-000000"
    assert run.data.params["training.learning_rate"] == "0.0001"
    assert run.data.metrics["test/accuracy"] == pytest.approx(58 / 60)
    assert run.data.metrics["test/accuracy_low"] < 58 / 60 < run.data.metrics["test/accuracy_high"]
    curve = client.get_metric_history(tracked_run.run_id, "dev/accuracy")
    assert [(point.step, point.value) for point in curve] == [(10, 0.5), (20, 0.9)]
    assert [point.step for point in client.get_metric_history(tracked_run.run_id, "train/loss")] == [10, 20]
    assert client.get_run(second_result.run_id).data.params["training.epochs"] == "9"

    # As a kill in the middle leaves it.
    client.set_terminated(second_result.run_id, "KILLED")
    (anew,) = tfapp.track_runs([second], uri)
    assert anew.is_new
    runs = client.search_runs([run.info.experiment_id])
    assert {run.info.run_id for run in runs} == {tracked_run.run_id, anew.run_id}


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path / "runs", "20260101-000000", class_evaluation([1]))
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(TrainingError, match=r"MLflow cannot be used: .*mlflow.*pip install \"tfapp\[apps,tracking\]\""):
        tfapp.track_runs([run], "sqlite:///mlflow.db")


def test_what_cannot_be_copied_is_said_before_anything_is(tmp_path: Path) -> None:
    run = write_run(tmp_path / "runs", "20260101-000000", class_evaluation([1]))
    unfinished_run = write_run(tmp_path / "runs", "20260102-000000", finished=False)
    with pytest.raises(TrainingError, match="the run is unfinished; nothing was copied"):
        tfapp.track_runs([run, unfinished_run], f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert not (tmp_path / "mlflow.db").exists()
    with pytest.raises(TrainingError, match="must be a database, such as sqlite:///mlflow"):
        tfapp.track_runs([run], str(tmp_path / "mlruns"))
    with pytest.raises(TrainingError, match="MLflow cannot be opened"):
        tfapp.track_runs([run], "gopher://nowhere")


@pytest.mark.parametrize(("name", "expected"), [("R²", "R2"), ("nDCG@10", "nDCG_10"), ("micro F1", "micro_F1")])
def test_metrics_have_names_that_mlflow_takes(name: str, expected: str) -> None:
    assert _metric_name(name) == expected
