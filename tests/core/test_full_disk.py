"""A disk without room, here a limit on the size of files: one line, and nothing half-written."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tomli_w

from tests.processes import Result, call, complaint
from tests.toy import toy_experiment
from tfapp import Run
from tfapp.core.files import write_json

_ROOM = 60_000


@contextmanager
def _small_files(size: int = _ROOM) -> Iterator[None]:
    limit, maximum = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, maximum))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, maximum))


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_file_stays_as_it_was(tmp_path: Path) -> None:
    write_json(tmp_path / "state.json", ["old"])
    with _small_files(100), pytest.raises(OSError, match="File too large"):
        write_json(tmp_path / "state.json", ["new"] * 100)
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
    assert (tmp_path / "state.json").read_text() == '[\n "old"\n]\n'


def test_an_export_publishes_nothing(toy_run: Run, toy_models: Path, tmp_path: Path) -> None:
    models = Path(shutil.copytree(toy_models, tmp_path / "models"))
    contents = _files(models)
    with _small_files():
        result = call("export", toy_run.path, "--to", models)
    assert complaint(result) == f"{models}: File too large; free some space and try again"
    assert _files(models) == contents
    assert [path.name for path in models.iterdir()] == ["toy"]


@pytest.mark.slow
def test_a_training_goes_on_once_there_is_room(shallow_preset: Path, toy_data: Path, tmp_path: Path) -> None:
    experiment = tmp_path / "toy.toml"
    experiment.write_text(tomli_w.dumps(toy_experiment(shallow_preset, toy_data)))
    # In a process of its own, as a training goes on with other things than the file that has no room.
    command = ["train", str(experiment), "--runs", str(tmp_path / "runs")]
    limited_command = ["sh", "-c", 'ulimit -f 60; exec "$@"', "sh", sys.executable, "-m", "tfapp", *command]
    process = subprocess.run(limited_command, capture_output=True, text=True, check=False)
    assert "File too large; free some space and try again" in complaint(Result(process.returncode, "", process.stderr))
    assert list((tmp_path / "runs").rglob(".*.json")) == []
    assert call(*command, "--resume").code == 0
