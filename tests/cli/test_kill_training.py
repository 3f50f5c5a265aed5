"""kill -9 during training: what was killed goes on, and ends as if it had not been."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

from tests.processes import call, complaint, kill_when, run
from tests.toy import toy_experiment
from tfapp import Run, api
from tfapp.core import threads
from tfapp.tasks.experiments import load_experiment
from tfapp.tasks.models import load_model

pytestmark = pytest.mark.slow

# The lstm starts fastest; its steps are quick, so it takes more of them to be surely killed before the end.
LSTM, BERT = {"kind": "lstm", "epochs": 8}, {"kind": "bert", "epochs": 3}


@pytest.fixture(scope="module", params=[LSTM, BERT], ids=lambda params: params["kind"])
def settings(
    request: pytest.FixtureRequest, shallow_preset: Path, toy_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    training = {"epochs": request.param["epochs"], "checkpoint_steps": 5, "log_steps": 1}
    model = {"kind": request.param["kind"]}
    file = tmp_path_factory.mktemp("settings") / "toy.toml"
    file.write_text(tomli_w.dumps(toy_experiment(shallow_preset, toy_data, training=training, model=model)))
    return file


@pytest.fixture(scope="module")
def uninterrupted_run(settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    # By the command, as those that are killed: it computes parts of a batch side by side.
    runs = tmp_path_factory.mktemp("whole")
    assert run("train", settings, "--runs", runs).code == 0
    return api.open_run(runs / "toy")


def history(folder: Path) -> list[dict[str, Any]]:
    """The whole lines of the only run's history."""
    text = "".join(file.read_text() for file in folder.glob("toy/*/history.jsonl"))
    return [json.loads(line) for line in text.split("\n")[:-1]]


def reaches_step(folder: Path, step: int) -> Callable[[], bool]:
    return lambda: any(line["step"] >= step for line in history(folder))


def has_file(folder: Path, pattern: str) -> Callable[[], bool]:
    return lambda: any(folder.glob(f"toy/*/{pattern}"))


def assert_same(run_a: Run, run_b: Run) -> None:
    assert (run_a.path / "evaluation.json").read_text() == (run_b.path / "evaluation.json").read_text()
    assert run_a.folder.read("finished") == run_b.folder.read("finished")
    weights = [load_model(run.folder.model).network.get_weights() for run in (run_a, run_b)]
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))
    assert not [path for path in run_a.path.rglob(".*") if path.is_file()]


def test_a_killed_training_resumes_from_its_checkpoint(settings: Path, uninterrupted_run: Run, tmp_path: Path) -> None:
    kill_when(reaches_step(tmp_path, 7), "train", settings, "--runs", tmp_path)
    (folder,) = (tmp_path / "toy").iterdir()
    assert not (folder / "finished.json").exists()
    assert "not finished" in complaint(call("export", folder, "--to", tmp_path / "models"))
    assert not (tmp_path / "models").exists()
    # As a kill in the middle of a write leaves it.
    (folder / ".4242.checkpoint.npz").write_bytes(b"half")

    result = run("train", settings, "--runs", tmp_path, "--resume")
    assert (result.code, result.err) == (0, "")
    events = [json.loads(line) for line in result.out.splitlines()]
    assert events[0]["event"] == "start"
    assert events[0]["step"] >= 5
    assert events[0]["step"] % 5 == 0
    assert events[-1] == {**events[-1], "event": "end", "run": str(folder)}
    assert_same(Run(folder), uninterrupted_run)
    steps = [line["step"] for line in history(tmp_path) if line["event"] == "step"]
    assert steps == list(range(1, len(steps) + 1))


@pytest.mark.parametrize("settings", [BERT], indirect=True, ids=["bert"])
def test_a_training_killed_before_its_first_checkpoint_starts_over(
    settings: Path, uninterrupted_run: Run, tmp_path: Path
) -> None:
    kill_when(has_file(tmp_path, "settings.toml"), "train", settings, "--runs", tmp_path)
    (folder,) = (tmp_path / "toy").iterdir()
    result = run("train", settings, "--runs", tmp_path, "--resume")
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out.splitlines()[0])["step"] == 0
    assert_same(Run(folder), uninterrupted_run)


@pytest.mark.usefixtures("graph_optimizer")
@pytest.mark.parametrize("settings", [BERT], indirect=True, ids=["bert"])
@pytest.mark.parametrize(
    "pattern", ["environment.json", "data.json", "checkpoint.npz", "model/model.json", "evaluation.json"]
)
def test_whenever_it_is_killed_it_resumes(
    settings: Path, uninterrupted_run: Run, tmp_path: Path, pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where there is no run yet to go on with, this process begins one.
    monkeypatch.setattr(threads, "shard_count", lambda: uninterrupted_run.folder.shards)
    kill_when(has_file(tmp_path, pattern), "train", settings, "--runs", tmp_path)
    resumed_run = api.fit(settings, runs=tmp_path, quiet=True, resume=True)
    assert resumed_run.experiment == load_experiment(settings)
    assert_same(resumed_run, uninterrupted_run)
    # A folder that was killed before it had settings is no run, and stands in nobody's way.
    assert api.open_run(tmp_path / "toy").path == resumed_run.path
