"""Reads the experiments of all tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfapp import config
from tfapp.config import Experiment, TaskSettings
from tfapp.config.overrides import read_toml
from tfapp.errors import SettingsError

__all__ = ["load_experiment", "override_section", "parse_experiment", "task_settings"]


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


def override_section(experiment: Experiment, section: str, overrides: Sequence[str], purpose: str) -> Experiment:
    """Lays overrides over one section of a run's settings.

    Args:
        experiment: The run's.
        section: The section, such as "export".
        overrides: As of `load_experiment`.
        purpose: What they are for, in the message on others.

    Raises:
        SettingsError: An override is of another section, has an unknown name or breaks its rule.
    """
    foreign = next((item for item in overrides if not item.strip().startswith(f"{section}.")), None)
    if foreign:
        raise SettingsError(
            f"--set {foreign}: a run has its settings; only those of {section}. can be set for {purpose}"
        )
    return parse_experiment(experiment.model_dump(exclude_none=True), overrides) if overrides else experiment


def task_settings() -> Mapping[str, TaskSettings]:
    """Returns the settings of all tasks by name."""
    from tfapp.tasks.registry import all_tasks

    return {name: task.settings for name, task in all_tasks().items()}
