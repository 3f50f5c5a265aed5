"""Copies runs to an MLflow tracking server or database: settings, scores, curves and times, no texts and no weights."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tfapp.errors import TrainingError
from tfapp.version import __version__
from tfapp.workflows.run import Run, open_run
from tfapp.workflows.run_records import FINISHED, RunRecord, read_history, read_run

__all__ = ["TrackedRun", "track_runs"]

_RUN_TAG: Final = "tfapp.run"
# What MLflow takes in one request, and of one value.
_MOST_METRICS: Final = 1000
_MOST_PARAMS: Final = 100
_LONGEST_VALUE: Final = 6000


@dataclass(frozen=True)
class TrackedRun:
    """A run in MLflow.

    Attributes:
        run: The run's folder.
        experiment: The experiment's name there, which is that of the settings.
        run_id: Its number there.
        is_new: Whether it was copied just now; else it was there.
    """

    run: Path
    experiment: str
    run_id: str
    is_new: bool

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON has it."""
        return {**asdict(self), "run": str(self.run)}


def track_runs(runs: Sequence[Run | str | Path], uri: str) -> list[TrackedRun]:
    """Copies finished runs to MLflow; one that is there is left as it is.

    A run is found again by its tag `tfapp.run`, which is `NAME/TIME`; one whose copying was interrupted is copied anew.

    Args:
        runs: Runs, or their folders: `runs/NAME/TIME`, or `runs/NAME` for the newest one.
        uri: Where MLflow keeps its runs: a database such as `sqlite:///mlflow.db`, or a server such as
            `http://localhost:5000`.

    Raises:
        TrainingError: A run is not finished, the extra `tracking` is not installed, or MLflow does not take the runs.
    """
    records = [read_run(run.path if isinstance(run, Run) else open_run(run).path) for run in runs]
    for record in records:
        if record.state != FINISHED or record.problem:
            raise TrainingError(f"{record.path}: {record.problem or f'the run is {record.state}'}; nothing was copied")
    client, errors = _connect(uri)
    try:
        return [_track(client, record) for record in records]
    except errors as error:
        raise TrainingError(f"{uri}: MLflow does not take the runs: {' '.join(str(error).split())[:300]}") from error


def _connect(uri: str) -> tuple[Any, tuple[type[Exception], ...]]:
    """Returns a client of MLflow, and the errors that it raises."""
    # Somebody who copies runs to a server of their own tells nobody else of it, and waits seconds, not minutes.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        if "://" not in uri:
            raise TrainingError(
                f"--uri {uri}: must be a database, such as sqlite:///mlflow.db, or a server, such as http://localhost:5000"
            )
        return MlflowClient(tracking_uri=uri), (MlflowException, OSError)
    except ImportError as error:
        raise TrainingError(f'MLflow cannot be used: {error}; pip install "tfapp[apps,tracking]"') from error
    except MlflowException as error:
        raise TrainingError(f"{uri}: MLflow cannot be opened: {' '.join(str(error).split())[:300]}") from error


def _track(client: Any, record: RunRecord) -> TrackedRun:
    name = record.path.parent.name
    experiment = client.get_experiment_by_name(name)
    experiment_id = experiment.experiment_id if experiment else client.create_experiment(name)
    for earlier in client.search_runs([experiment_id], f"tags.`{_RUN_TAG}` = '{record.name}'"):
        if earlier.info.status == "FINISHED":
            return TrackedRun(record.path, name, earlier.info.run_id, is_new=False)
        client.delete_run(earlier.info.run_id)
    start_time = int(1000 * _start_time(record.path))
    tags = {_RUN_TAG: record.name, "tfapp.version": __version__, "tfapp.task": record.task, "tfapp.data": record.data}
    run_id = client.create_run(experiment_id, start_time=start_time, tags=tags, run_name=record.path.name).info.run_id
    _log(client, run_id, record, start_time)
    client.set_terminated(run_id, "FINISHED", end_time=start_time + int(1000 * (record.seconds or 0)))
    return TrackedRun(record.path, name, run_id, is_new=True)


def _log(client: Any, run_id: str, record: RunRecord, start_time: int) -> None:
    from mlflow.entities import Metric, Param

    params = [Param(name, str(value)[:_LONGEST_VALUE]) for name, value in record.settings.items() if value is not None]
    for start in range(0, len(params), _MOST_PARAMS):
        client.log_batch(run_id, params=params[start : start + _MOST_PARAMS])
    metrics = [
        Metric(name, value, start_time + milliseconds, step) for name, value, milliseconds, step in _metrics(record)
    ]
    for start in range(0, len(metrics), _MOST_METRICS):
        client.log_batch(run_id, metrics=metrics[start : start + _MOST_METRICS])


def _metrics(record: RunRecord) -> Iterator[tuple[str, float, int, int]]:
    """Yields names, values, times after the start in milliseconds, and steps of the curves and of the evaluation."""
    for line in read_history(record.folder):
        split, values = ("train", {"loss": line["loss"]}) if line["event"] == "step" else ("dev", _dev_values(line))
        for name, value in values.items():
            yield f"{split}/{name}", float(value), int(1000 * line.get("seconds", 0)), int(line["step"])
    evaluation = record.evaluation
    if evaluation is None:
        return
    end = int(1000 * (record.seconds or 0))
    split = record.evaluated_on.split()[0]
    for name, value in evaluation.metrics().items():
        yield f"{split}/{_metric_name(name)}", float(value), end, 0
    for name, interval in evaluation.intervals().items():
        for bound, value in zip(("low", "high"), interval, strict=True):
            yield f"{split}/{_metric_name(name)}_{bound}", float(value), end, 0


def _dev_values(line: Mapping[str, Any]) -> dict[str, float]:
    return {"loss": line["loss"], _metric_name(line["score_name"]): line["score"]}


def _metric_name(name: str) -> str:
    """Returns a name that MLflow takes: "R²" is "R2", "nDCG@10" is "nDCG_10"."""
    return re.sub(r"[^\w. -]", "_", name.replace("²", "2"), flags=re.ASCII).replace(" ", "_")


def _start_time(path: Path) -> float:
    """Returns when a run began, in seconds since the epoch, by the name of its folder."""
    try:
        return datetime.strptime(path.name[: len("20260101-000000")], "%Y%m%d-%H%M%S").timestamp()
    except ValueError:
        return path.stat().st_mtime
