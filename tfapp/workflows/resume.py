"""Finds the run of an experiment that `--resume` continues."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from tfapp.config import Experiment
from tfapp.errors import TrainingError
from tfapp.tasks.experiments import read_run_settings
from tfapp.training import RunFolder, latest_run

__all__ = ["find_resumable"]


def find_resumable(experiment: Experiment, runs: Path) -> RunFolder | None:
    """Finds the newest run of the experiment, to go on with, or to leave alone if it is finished.

    Args:
        experiment: The settings of today.
        runs: The folder of all runs.

    Returns:
        The run; None where there is none yet, or where the newest is finished and had other settings.

    Raises:
        TrainingError: The newest run is not finished and was started with other settings.
    """
    newest = latest_run(experiment.name, runs)
    if newest is None:
        return None
    earlier = read_run_settings(newest.path)
    if earlier == experiment:
        return newest
    if newest.is_finished:
        return None
    differences = ", ".join(_differences(earlier, experiment))
    raise TrainingError(
        f"{newest.path} was started with other settings ({differences}); give them again (its settings.toml has them), "
        "or start a new run without --resume"
    )


def _differences(settings: BaseModel, other_settings: BaseModel) -> Iterator[str]:
    """Yields the dotted names of the settings that are not the same."""
    for name, value in settings:
        other_value = getattr(other_settings, name)
        if isinstance(value, BaseModel) and isinstance(other_value, BaseModel):
            yield from (f"{name}.{field}" for field in _differences(value, other_value))
        elif value != other_value:
            yield name
