"""Finds tasks by name: those of tfapp, and those that other distributions bring by the entry point `tfapp.tasks`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules
from typing import Any

from tfapp import tasks
from tfapp.config.task_settings import unknown_task
from tfapp.errors import SettingsError
from tfapp.evaluation import Evaluation
from tfapp.tasks.spec import TaskSpec

__all__ = ["all_tasks", "find_task", "read_evaluation", "task_function"]


@functools.cache
def all_tasks() -> Mapping[str, TaskSpec]:
    """Returns all tasks by name, those of other distributions first.

    Raises:
        SettingsError: A task of another distribution cannot be loaded, has another name than its entry point, or that
            of one that is there.
    """
    built_in, foreign_tasks = {task.name: task for task in _own_tasks()}, dict[str, TaskSpec]()
    for point in entry_points(group="tfapp.tasks"):
        task = _load(point)
        if task.name in built_in or task.name in foreign_tasks:
            raise SettingsError(f"{_origin(point)} has the name of a task that is there; uninstall it, or rename it")
        if point.name != task.name:
            raise SettingsError(f"{_origin(point)} is named {task.name} by its TaskSpec; give both one name")
        foreign_tasks[task.name] = task
    # The foreign ones first: they may take a file for their own that ours would take, too.
    return foreign_tasks | built_in


def _load(point: EntryPoint) -> TaskSpec:
    try:
        task = point.load()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise SettingsError(f"{_origin(point)} cannot be loaded: {reason}; mend or uninstall it") from error
    if not isinstance(task, TaskSpec):
        raise SettingsError(f"{_origin(point)} is a {type(task).__name__}, not a TaskSpec; mend or uninstall it")
    return task


def _origin(point: EntryPoint) -> str:
    return f"the task {point.name} of {point.dist.name if point.dist else point.value}"


def _own_tasks() -> Iterator[TaskSpec]:
    """Yields the tasks of the folders here, which `__all__` of their `task.py` names."""
    for folder in iter_modules(tasks.__path__, f"{tasks.__name__}."):
        if folder.ispkg:
            module = import_module(f"{folder.name}.task")
            yield from (getattr(module, name) for name in module.__all__)


def task_function(field: str) -> Callable[..., Any]:
    """Returns a function that most tasks do not have; where a foreign task has it, too, that of ours."""
    functions: list[Callable[..., Any]] = [getattr(task, field) for task in all_tasks().values()]
    # The foreign ones are first.
    return next(function for function in reversed(functions) if function is not None)


def find_task(name: str) -> TaskSpec:
    """Returns the task of a name.

    Raises:
        SettingsError: There is none.
    """
    tasks = all_tasks()
    if name not in tasks:
        raise SettingsError(unknown_task(name, tasks))
    return tasks[name]


def read_evaluation(values: Mapping[str, Any]) -> Evaluation:
    """Reads an evaluation of any task.

    Args:
        values: As `Evaluation.to_dict` gives them.

    Raises:
        ModelError: The values are not those of an evaluation.
    """
    all_tasks()  # Loads the classes of their evaluations.
    return Evaluation.from_dict(values)
