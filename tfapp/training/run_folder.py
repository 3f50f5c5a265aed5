"""The folder of one run: what it was asked, what it ran on, what came out."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tfapp import threads
from tfapp.config import Experiment, dump_toml, load_experiment
from tfapp.errors import TrainingError
from tfapp.files import write_json, write_text

__all__ = ["RunFolder", "create_run", "find_resumable", "latest_run"]

_PACKAGES = ("tfapp", "tensorflow", "tensorflow-text", "keras", "keras-hub", "numpy")


@dataclass(frozen=True)
class RunFolder:
    """`runs/NAME/TIME/` and the files in it.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def model(self) -> Path:
        """The best weights so far, as `TaskModel.save` writes them."""
        return self.path / "model"

    @property
    def checkpoint(self) -> Path:
        """What `--resume` goes on from."""
        return self.path / "checkpoint.npz"

    @property
    def features(self) -> Path:
        """What `--resume` goes on from where the head alone is trained."""
        return self.path / "features"

    @property
    def contrast(self) -> Path:
        """The first phase of a few-shot training, a run of its own while it lasts."""
        return self.path / "contrast"

    @property
    def tensorboard(self) -> Path:
        """The event files."""
        return self.path / "tensorboard"

    @property
    def history(self) -> Path:
        """One JSON line a log point and an epoch."""
        return self.path / "history.jsonl"

    @property
    def report(self) -> Path:
        """The report page of the test split."""
        return self.path / "report.html"

    @property
    def preset(self) -> Path:
        """What pretraining makes: a checkpoint that other experiments start from."""
        return self.path / "preset"

    def evaluation_folder(self, data: str | None) -> Path:
        """Where the evaluation of other data goes; without any, that of the test split."""
        if data is None:
            return self.path
        # Two files of the same name in different folders have evaluations of their own.
        place = str(Path(data).resolve()) if Path(data).exists() else data
        return self.path / "evaluations" / f"{Path(place).stem}-{blake2b(place.encode(), digest_size=4).hexdigest()}"

    @property
    def finished(self) -> bool:
        """Whether training came to its end."""
        return (self.path / "finished.json").is_file()

    @property
    def streams(self) -> int:
        """Into how many parts the run divides a batch; 1 of a run that is older than these."""
        return int(self.read("environment").get("streams", 1))

    def experiment(self) -> Experiment:
        """The settings that the run was started with."""
        return load_experiment(self.path / "settings.toml")

    def write(self, name: str, value: Any) -> None:
        """Writes `NAME.json`."""
        write_json(self.path / f"{name}.json", value)

    def read(self, name: str) -> Any:
        """Reads `NAME.json`.

        Raises:
            TrainingError: The run has no such file yet.
        """
        try:
            return json.loads((self.path / f"{name}.json").read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise TrainingError(f"{self.path}: the run has no {name}.json; did its training finish?") from error


def create_run(experiment: Experiment, runs: Path, *, now: Callable[[], float] = time.time) -> RunFolder:
    """Makes the folder of a new run with its settings and its environment.

    Args:
        experiment: What will be run.
        runs: The folder of all runs.
        now: The clock, seconds since the epoch.

    Raises:
        TrainingError: The folder cannot be made.
    """
    stamp = datetime.fromtimestamp(now()).strftime("%Y%m%d-%H%M%S")
    path = runs / experiment.name / stamp
    try:
        for number in range(2, 1000):
            if not path.exists():
                break
            path = path.with_name(f"{stamp}-{number:03}")
        path.mkdir(parents=True)
        (path / "model").mkdir()
    except OSError as error:
        raise TrainingError(f"{path}: the run's folder cannot be made: {error.strerror}") from error
    folder = RunFolder(path)
    folder.write("environment", _environment())
    # Last, since a folder without settings is no run yet.
    write_text(path / "settings.toml", dump_toml(experiment))
    return folder


def find_resumable(experiment: Experiment, runs: Path) -> RunFolder | None:
    """The newest run of the experiment, to go on with, or to leave alone if it is finished.

    Returns:
        The run; None where there is none yet, or where the newest is finished and had other settings.

    Raises:
        TrainingError: The newest run is not finished and was started with other settings.
    """
    newest = latest_run(experiment.name, runs)
    if newest is None or newest.experiment() == experiment:
        return newest
    if newest.finished:
        return None
    differing = ", ".join(_differing(newest.experiment(), experiment))
    raise TrainingError(
        f"{newest.path} was started with other settings ({differing}); give them again (its settings.toml has them), "
        "or start a new run without --resume"
    )


def latest_run(name: str, runs: Path) -> RunFolder | None:
    """The newest run of an experiment's name, finished or not."""
    folders = sorted(path for path in (runs / name).glob("*") if (path / "settings.toml").is_file())
    return RunFolder(folders[-1]) if folders else None


def _differing(one: BaseModel, other: BaseModel) -> Iterator[str]:
    """The dotted names of the settings that are not the same."""
    for name, value in one:
        theirs = getattr(other, name)
        if isinstance(value, BaseModel) and isinstance(theirs, BaseModel):
            yield from (f"{name}.{inner}" for inner in _differing(value, theirs))
        elif value != theirs:
            yield name


def _environment() -> dict[str, Any]:
    import tensorflow as tf

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "streams": threads.stream_count(),
        "gpus": [device.name for device in tf.config.list_physical_devices("GPU")],
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }
