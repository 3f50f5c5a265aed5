"""The folder of one run: its settings, its environment, its results."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar, Final

from tfapp_client.former_names import FormerNames

from tfapp.config import Experiment, dump_toml
from tfapp.core import threads
from tfapp.core.files import private_folder, write_json, write_text
from tfapp.core.locks import process_lock
from tfapp.errors import TrainingError

__all__ = ["RunFolder", "create_run", "latest_run", "make_run_folder", "start_run"]

_STAMP: Final = "%Y%m%d-%H%M%S"
_STAMP_LENGTH: Final = len("20260101-000000")
_PACKAGES = ("tfapp", "tensorflow", "tensorflow-text", "keras", "keras-hub", "numpy")


@dataclass(frozen=True)
class RunFolder(FormerNames):
    """The folder of a run, `runs/NAME/TIME/`, and the files in it.

    Attributes:
        path: The folder.
    """

    former_names: ClassVar[Mapping[str, str]] = {
        "contrast": "first_phase",
        "experiment": "tfapp.tasks.experiments.read_run_settings(run.path)",
        "finished": "is_finished",
        "streams": "shards",
    }

    path: Path

    @property
    def model(self) -> Path:
        """Returns the folder of the best weights so far, as `TaskModel.save` writes them."""
        return self.path / "model"

    def epoch(self, number: int) -> Path:
        """Returns the folder of the weights after an epoch, counted from 1, of a run that keeps them."""
        return self.path / "epochs" / f"{number:03d}"

    @property
    def kept_epochs(self) -> list[int]:
        """Returns the epochs whose weights the run kept."""
        return sorted(int(file.parent.name) for file in self.path.glob("epochs/*/model.json"))

    @property
    def adapter(self) -> Path:
        """Returns the file of the adapters that are merged into the best weights, if there are such."""
        return self.model / "adapter.safetensors"

    @property
    def checkpoint(self) -> Path:
        """Returns the file of the checkpoint from which `--resume` continues."""
        return self.path / "checkpoint.npz"

    @property
    def features(self) -> Path:
        """Returns the folder of the vectors from which `--resume` continues where the head alone is trained."""
        return self.path / "features"

    @property
    def held_out(self) -> Path:
        """Returns the file of cross-validation's logits of train's rows, each by a head that had not learnt the row."""
        return self.path / "held_out.npy"

    @property
    def first_phase(self) -> Path:
        """Returns the folder of the first of two training phases, a run of its own while it lasts."""
        return self.path / "contrast"

    @property
    def lock(self) -> Path:
        """Returns the file of the lock that a process holds while it trains the run."""
        return self.path / ".lock"

    @property
    def tensorboard(self) -> Path:
        """Returns the folder of TensorBoard's event files."""
        return self.path / "tensorboard"

    @property
    def history(self) -> Path:
        """Returns the file of the history, one JSON line for each log point and epoch."""
        return self.path / "history.jsonl"

    @property
    def report(self) -> Path:
        """Returns the file of the report page of the test split."""
        return self.path / "report.html"

    @property
    def answers(self) -> Path:
        """Returns the file of the answers to the rows of the test split, by which runs are compared."""
        return self.path / "answers.parquet"

    @property
    def preset(self) -> Path:
        """Returns the folder of the preset that pretraining makes, from which other experiments start."""
        return self.path / "preset"

    def evaluation_folder(self, data: str | None) -> Path:
        """Returns the folder of the evaluation of other data; without any, that of the test split."""
        if data is None:
            return self.path
        # Two files of the same name in different folders have evaluations of their own.
        source = str(Path(data).resolve()) if Path(data).exists() else data
        return self.path / "evaluations" / f"{Path(source).stem}-{blake2b(source.encode(), digest_size=4).hexdigest()}"

    @property
    def is_finished(self) -> bool:
        """Returns whether training came to its end."""
        return (self.path / "finished.json").is_file()

    @property
    def shards(self) -> int:
        """Returns into how many shards the run divides a batch; 1 of a run that is older than these."""
        return int(self.read("environment").get("streams", 1))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps the run to this process during the block; a process that dies lets go of it.

        Raises:
            TrainingError: Another process trains it, or the folder cannot be written.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(process_lock(self.lock))
            except BlockingIOError as error:
                raise TrainingError(
                    f"{self.path}: {error} trains this run; wait until it ends, or start a new run without --resume"
                ) from error
            except OSError as error:
                raise TrainingError(f"{self.path}: the run cannot be locked: {error.strerror or error}") from error
            yield

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

    def remove_leftovers(self) -> None:
        """Removes the files that only a resumed run would need."""
        for file in (self.checkpoint, self.held_out, self.lock):
            file.unlink(missing_ok=True)
        for folder in (self.features, self.first_phase):
            shutil.rmtree(folder, ignore_errors=True)

    def read_if_there(self, name: str, otherwise: Any) -> Any:
        """Reads `NAME.json`; where the run has no such file, another value."""
        return self.read(name) if (self.path / f"{name}.json").is_file() else otherwise


def create_run(
    experiment: Experiment, runs: Path, *, now: Callable[[], float] = time.time, locks: ExitStack | None = None
) -> RunFolder:
    """Makes the folder of a new run with its settings and its environment.

    Args:
        experiment: What will be run.
        runs: The folder of all runs.
        now: The clock, seconds since the epoch.
        locks: Keeps the run to this process, from before another can find it, until the stack is closed.

    Raises:
        TrainingError: The folder cannot be made.
    """
    return start_run(make_run_folder(experiment.name, runs, now=now), experiment, locks=locks)


def make_run_folder(name: str, runs: Path, *, now: Callable[[], float] = time.time) -> RunFolder:
    """Makes `runs/NAME/TIME`, which is no run before it has settings.

    Raises:
        TrainingError: The folder cannot be made.
    """
    path = runs / name
    try:
        for parent in (runs, path):
            private_folder(parent)
        return RunFolder(_make_folder(path, datetime.fromtimestamp(now())))
    except OSError as error:
        raise TrainingError(f"{path}: the run's folder cannot be made: {error.strerror}") from error


def start_run(folder: RunFolder, experiment: Experiment, *, locks: ExitStack | None = None) -> RunFolder:
    """Makes a run of a folder, by its environment and its settings; `locks` as in `create_run`.

    Raises:
        TrainingError: The folder cannot be written.
    """
    try:
        private_folder(folder.model)
    except OSError as error:
        raise TrainingError(f"{folder.path}: the run's folder cannot be made: {error.strerror}") from error
    folder.write("environment", _environment())
    if locks is not None:
        locks.enter_context(folder.locked())
    # Last, since a folder without settings is no run yet.
    write_text(folder.path / "settings.toml", dump_toml(experiment))
    return folder


def _make_folder(parent: Path, now: datetime) -> Path:
    """Makes a folder that is the last by name, though the clock was set back or others began in the same second."""
    while True:
        path = parent / f"{max([now, *_times_after(parent)]):{_STAMP}}"
        with suppress(FileExistsError):
            private_folder(path, exist_ok=False)
            return path


def _times_after(parent: Path) -> Iterator[datetime]:
    """Yields a second after each run of a folder."""
    for path in parent.iterdir():
        with suppress(ValueError, OverflowError):
            yield datetime.strptime(path.name[:_STAMP_LENGTH], _STAMP) + timedelta(seconds=1)


def latest_run(name: str, runs: Path) -> RunFolder | None:
    """Returns the newest run of an experiment's name, finished or not."""
    folders = sorted(path for path in (runs / name).glob("*") if (path / "settings.toml").is_file())
    return RunFolder(folders[-1]) if folders else None


def _environment() -> dict[str, Any]:
    import tensorflow as tf

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "streams": threads.shard_count(),
        "gpus": [device.name for device in tf.config.list_physical_devices("GPU")],
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }
