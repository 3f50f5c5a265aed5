"""Two workers on one machine: together they learn what one process learns, and resume together."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tomli_w

from tests.processes import finish, start, wait_for
from tests.toy import toy_experiment, write_toy_preset
from tfapp import Run, api
from tfapp.tasks.models import load_model

pytestmark = pytest.mark.slow


def start_both(settings: Path, *runs: Path) -> list[subprocess.Popen[str]]:
    """Starts two workers, each with its folder of runs."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in runs]
    addresses = [f"127.0.0.1:{listener.getsockname()[1]}" for listener in sockets]
    for listener in sockets:
        listener.close()
    return [
        start(
            *("train", settings, "--runs", folder, "--resume"),
            TF_CONFIG=json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}),
        )
        for index, folder in enumerate(runs)
    ]


@pytest.fixture(scope="module")
def settings(toy_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment without dropout, whose random numbers no two devices share."""
    folder = tmp_path_factory.mktemp("settings")
    preset = write_toy_preset(folder / "still", dropout=0.0)
    values = toy_experiment(preset, toy_data, model={"dropout": 0.0}, training={"precision": "float32"})
    (folder / "toy.toml").write_text(tomli_w.dumps(values))
    return folder / "toy.toml"


@pytest.fixture(scope="module")
def single_run(settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return api.fit(settings, runs=tmp_path_factory.mktemp("alone"), quiet=True)


def assert_alike(run_a: Run, run_b: Run) -> None:
    weights = [load_model(run.folder.model).network.get_weights() for run in (run_a, run_b)]
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)
    assert run_a.evaluation.loss == pytest.approx(run_b.evaluation.loss, abs=1e-3)
    assert run_a.evaluation.main_score == run_b.evaluation.main_score


def test_two_workers_learn_what_one_process_learns(settings: Path, single_run: Run, tmp_path: Path) -> None:
    results = [finish(worker) for worker in start_both(settings, tmp_path / "first", tmp_path / "second")]
    assert [result.code for result in results] == [0, 0], results
    (folder,) = (tmp_path / "first" / "toy").iterdir()
    ends = [json.loads(result.out.splitlines()[-1])["run"] for result in results]
    assert ends == [str(folder), None]
    assert not (tmp_path / "second").exists()
    assert_alike(Run(folder), single_run)


@pytest.mark.parametrize("adapt", ["head", "adalora"])
def test_two_workers_train_a_part_as_one_process_does(settings: Path, tmp_path: Path, adapt: str) -> None:
    file = tmp_path / "toy.toml"
    file.write_text(settings.read_text().replace("[training]\n", f'[training]\nadapt = "{adapt}"\n'))
    single_process_run = api.fit(file, runs=tmp_path / "alone", quiet=True)
    results = [finish(worker) for worker in start_both(file, tmp_path / "first", tmp_path / "second")]
    assert [result.code for result in results] == [0, 0], results
    joint_run = api.open_run(tmp_path / "first" / "toy")
    assert (
        joint_run.folder.read("finished")["trained_weights"]
        == single_process_run.folder.read("finished")["trained_weights"]
    )
    assert joint_run.evaluation.loss == pytest.approx(single_process_run.evaluation.loss, abs=1e-3)
    assert joint_run.evaluation.main_score == single_process_run.evaluation.main_score


def test_killed_workers_resume_together(settings: Path, single_run: Run, tmp_path: Path) -> None:
    shared_folder, other_folder = tmp_path / "shared", tmp_path / "other"
    workers = start_both(settings, shared_folder, shared_folder)
    try:
        wait_for(lambda: any(shared_folder.glob("toy/*/checkpoint.npz")), workers[0])
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()

    # A worker that does not see the checkpoint would go on from another step.
    for result in [finish(worker) for worker in start_both(settings, shared_folder, other_folder)]:
        assert result.code == 2
        assert result.err.splitlines()[-1].startswith("tfapp: the workers have different checkpoints")
        assert result.out == ""

    results = [finish(worker) for worker in start_both(settings, shared_folder, shared_folder)]
    assert [result.code for result in results] == [0, 0], results
    steps = [json.loads(result.out.splitlines()[0])["step"] for result in results]
    assert steps[0] == steps[1] > 0
    (folder,) = (shared_folder / "toy").iterdir()
    assert_alike(Run(folder), single_run)
