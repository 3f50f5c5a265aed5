"""Builds an experiment of its task's settings, and checks the rules between them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import create_model

from tfapp.config.experiment import DEFAULT_TASK, Experiment
from tfapp.config.overrides import apply_override, merge_overrides, validate_settings
from tfapp.config.rules import broken_rule
from tfapp.config.search_space import read_search_space
from tfapp.config.task_settings import TaskSettings, foreign_fields, foreign_setting, unknown_task
from tfapp.errors import SettingsError

__all__ = ["parse_experiment"]


def parse_experiment(
    values: Mapping[str, Any],
    overrides: Iterable[str] = (),
    *,
    tasks: Mapping[str, TaskSettings],
    source: str = "settings",
) -> Experiment:
    """Builds an experiment from nested dicts and overrides.

    Args:
        values: As a TOML file gives them.
        overrides: `section.name=value` items; a value is read as TOML, and as a plain string where it is none.
        tasks: The settings of all tasks, by name.
        source: Names the settings in error messages.

    Returns:
        The experiment, with the sections of its task.

    Raises:
        SettingsError: A setting has an unknown name, breaks its rule, or is another task's.
    """
    items = list(overrides)
    task = _find_task(values, items, tasks, source)
    kind = _experiment_class(task, frozenset(foreign_fields(task, tasks.values())))
    sections = merge_overrides(kind, values, items, source=source)
    problem = foreign_setting(sections, task, tasks.values())
    if problem:
        raise SettingsError(f"{source}: {problem}")
    experiment = validate_settings(kind, sections, source=source)
    problem = broken_rule(experiment, task)
    if problem:
        raise SettingsError(f"{source}: {problem}")
    _check_search(experiment, task, source)
    return experiment


def _check_search(experiment: Experiment, task: TaskSettings, source: str) -> None:
    if experiment.search is None:
        return
    try:
        read_search_space(experiment, task)
    except SettingsError as error:
        raise SettingsError(f"{source}: {error}") from error


def _find_task(
    values: Mapping[str, Any], overrides: list[str], tasks: Mapping[str, TaskSettings], source: str
) -> TaskSettings:
    task_values = {"task": values.get("task", DEFAULT_TASK)}
    for item in overrides:
        if item.partition("=")[0].strip() == "task":
            apply_override(task_values, item, Experiment)
    name = task_values["task"]
    if not isinstance(name, str) or name not in tasks:
        raise SettingsError(f"{source}: {unknown_task(name, tasks)}")
    return tasks[name]


@functools.cache
def _experiment_class(task: TaskSettings, foreign_names: frozenset[str]) -> type[Experiment]:
    """Returns the class of experiments whose sections have the task's own settings, too."""
    kind = create_model(
        "Experiment",
        __base__=Experiment,
        data=(task.data, ...),
        model=(task.model, task.model()),
        training=(task.training, task.training()),
    )
    kind.unread = foreign_names
    return kind
