"""Reads the experiments of all tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tfapp import config
from tfapp.config import Experiment, TaskSettings
from tfapp.config.overrides import read_toml
from tfapp.core.files import narrow

__all__ = ["load_experiment", "parse_experiment", "read_run_settings", "task_settings"]


def load_experiment(path: Path | str, overrides: Iterable[str] = ()) -> Experiment:
    """Reads a settings file.

    Args:
        path: A TOML file. Relative data paths in it are relative to the working folder.
        overrides: `section.name=value` items; a value is read as TOML, and as a plain string where it is none.

    Returns:
        The experiment.

    Raises:
        SettingsError: The file is missing or no TOML, or a setting breaks its rule; names the field.
    """
    file = Path(path)
    return parse_experiment(read_toml(file, hint="`tfapp init DATA_FILE` writes one"), overrides, source=str(file))


def parse_experiment(
    values: Mapping[str, Any], overrides: Iterable[str] = (), *, source: str = "settings"
) -> Experiment:
    """Builds an experiment of any task, as `tfapp.config.parse_experiment`."""
    return config.parse_experiment(values, overrides, tasks=task_settings(), source=source)


def read_run_settings(run: Path) -> Experiment:
    """Reads the settings that a run was started with; a run that was left open to others is closed to them.

    Args:
        run: Its folder.

    Raises:
        SettingsError: There are none, or they are of a task that is not there.
    """
    narrow(run)
    return load_experiment(run / "settings.toml")


def task_settings() -> Mapping[str, TaskSettings]:
    """Returns the settings of all tasks by name."""
    from tfapp.tasks.registry import all_tasks

    return {name: task.settings for name, task in all_tasks().items()}
