"""The records of runs: settings, data, scores and times, as read from their folders."""

from __future__ import annotations

import glob
import json
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from tfapp.errors import TfappError, TrainingError, did_you_mean
from tfapp.evaluation import Evaluation
from tfapp.tasks.experiments import load_experiment
from tfapp.tasks.registry import find_task, read_evaluation
from tfapp.training import RunFolder

__all__ = ["FINISHED", "RUNNING", "BestDevScore", "RunRecord", "flat_settings", "list_runs", "read_history", "read_run"]

FINISHED: Final = "finished"
RUNNING: Final = "running"
UNFINISHED: Final = "unfinished"


@dataclass(frozen=True)
class BestDevScore:
    """The score on dev of the epoch whose weights a run kept.

    Attributes:
        name: What it is.
        score: The score.
        rank: What is highest for the best of several runs.
    """

    name: str
    score: float
    rank: float


@dataclass(frozen=True)
class RunRecord:
    """The record of a run.

    Attributes:
        path: Its folder, `runs/NAME/TIME`.
        state: "finished", "running" or "unfinished".
        task: Its task; empty where its settings are not written yet, or cannot be read.
        settings: Its settings by dotted name, those that were left out included.
        data: The fingerprint of its data; empty: they were not read yet.
        rows: Rows by split.
        evaluated_on: What it was evaluated on, such as "test split".
        evaluation: That evaluation, without its answers; None: there is none.
        dev: Its score on dev; None: it has no dev split, or no epoch yet.
        epochs: Epochs done; None: it is not finished.
        seconds: How long the training took; None: it is of a version that did not measure that.
        problem: Why something of it cannot be read; empty: all can.
    """

    path: Path
    state: str
    task: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    data: str = ""
    rows: Mapping[str, int] = field(default_factory=dict)
    evaluated_on: str = ""
    evaluation: Evaluation | None = field(default=None, repr=False)
    dev: BestDevScore | None = None
    epochs: int | None = None
    seconds: float | None = None
    problem: str = ""

    @property
    def name(self) -> str:
        """Returns `NAME/TIME`."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def folder(self) -> RunFolder:
        """Returns the files of the run."""
        return RunFolder(self.path)

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON has it."""
        evaluation = self.evaluation
        scores = None
        if evaluation:
            scores = {
                "on": self.evaluated_on,
                "name": evaluation.main_name,
                "score": evaluation.main_score,
                "interval": list(evaluation.main_interval),
                evaluation.unit: evaluation.count,
                "metrics": evaluation.metrics(),
            }
        return {
            "run": str(self.path),
            "state": self.state,
            "task": self.task,
            "data": self.data,
            "rows": dict(self.rows),
            "evaluation": scores,
            "dev": {"name": self.dev.name, "score": self.dev.score} if self.dev else None,
            "epochs": self.epochs,
            "seconds": self.seconds,
            "problem": self.problem,
        }


def list_runs(runs: str | Path = "runs", *, name: str | None = None) -> list[RunRecord]:
    """Returns the records of the runs in a folder, by name, oldest first.

    Args:
        runs: The folder of all runs.
        name: The experiment's name; None: all.

    Raises:
        TrainingError: There is no such folder, or no run of that name.
    """
    folder = Path(runs)
    if not folder.is_dir():
        raise TrainingError(f"{folder}: no such folder of runs; `tfapp train` makes one, --runs names another")
    # A run of several candidates has a plan before it has settings.
    files = [
        file
        for pattern in ("settings.toml", "plan.json")
        for file in folder.glob(f"{glob.escape(name) if name else '*'}/*/{pattern}")
    ]
    paths = sorted({file.parent for file in files if not file.parent.name.startswith(".")})
    if name and not paths:
        names = [path.name for path in folder.iterdir() if path.is_dir()]
        raise TrainingError(f"{folder}: no run of {name!r}{did_you_mean(name, names)}")
    return [read_run(path) for path in paths]


def read_run(path: Path) -> RunRecord:
    """Returns the record of one run; values that cannot be read are left out, and `problem` says why."""
    folder = RunFolder(path)
    state = FINISHED if folder.is_finished else RUNNING if _is_running(folder) else UNFINISHED
    record = RunRecord(path, state)
    try:
        if (path / "settings.toml").is_file():
            experiment = load_experiment(path / "settings.toml")
            settings = dict(flat_settings(experiment.model_dump(mode="json")))
            record = replace(record, task=experiment.task, settings=settings)
        data = folder.read_if_there("data", None)
        if data:
            record = replace(record, data=data["fingerprint"], rows=data["report"]["rows"])
        history = read_history(folder)
        seconds = next((line["seconds"] for line in reversed(history) if "seconds" in line), None)
        epochs = folder.read("finished")["epochs"] if folder.is_finished else None
        record = replace(record, dev=_dev_score(record.task, history), seconds=seconds, epochs=epochs)
        scores = folder.read_if_there("evaluation", None)
        if scores:
            data_name = scores.get("on", "test split")
            record = replace(record, evaluated_on=data_name, evaluation=read_evaluation(scores))
    except (TfappError, OSError, ValueError, KeyError, TypeError) as error:
        return replace(record, problem=f"no entry {error}" if isinstance(error, KeyError) else str(error))
    return record


def flat_settings(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields settings by their dotted names."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat_settings(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _dev_score(task: str, history: list[dict[str, Any]]) -> BestDevScore | None:
    best = next((line for line in reversed(history) if line["event"] == "epoch" and line["best"]), None)
    if best is None or not task:
        return None
    kind = find_task(task).evaluation
    rank = -best["loss"] if kind.by_loss else best["score"] * (-1 if kind.lower_is_better else 1)
    return BestDevScore(best["score_name"], best["score"], rank)


def read_history(folder: RunFolder) -> list[dict[str, Any]]:
    """Returns the lines of a run's history; one that is being written is left out."""
    try:
        lines = folder.history.read_text(encoding="utf-8").split("\n")[:-1]
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines]


def _is_running(folder: RunFolder) -> bool:
    """Returns whether a process of this machine that holds the run's lock is alive, without touching the lock."""
    try:
        holder = json.loads(folder.lock.read_text(encoding="utf-8"))
        if holder["host"] != socket.gethostname():
            return False
        os.kill(int(holder["pid"]), 0)
    except PermissionError:
        return True
    except (OSError, ValueError, TypeError, KeyError):
        return False
    return True
