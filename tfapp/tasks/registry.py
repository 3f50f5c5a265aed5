"""Finds tasks by name: those of tfapp, and those that other distributions bring by the entry point `tfapp.tasks`."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, Final

from tfapp.errors import SettingsError, did_you_mean
from tfapp.evaluation import Evaluation
from tfapp.tasks.answering.task import ANSWERING
from tfapp.tasks.classification.task import CLASSIFICATION
from tfapp.tasks.embedding.task import EMBEDDING
from tfapp.tasks.pair_classification.task import PAIR_CLASSIFICATION
from tfapp.tasks.pretraining.task import PRETRAINING
from tfapp.tasks.ranking.task import RANKING
from tfapp.tasks.regression.task import PAIR_REGRESSION, REGRESSION
from tfapp.tasks.spec import TaskSpec
from tfapp.tasks.tagging.task import TAGGING

__all__ = ["all_tasks", "find_task", "read_evaluation"]

# In the order in which `tfapp init` asks them whether a file is theirs.
_OWN: Final = (
    CLASSIFICATION,
    PAIR_CLASSIFICATION,
    RANKING,
    EMBEDDING,
    ANSWERING,
    TAGGING,
    REGRESSION,
    PAIR_REGRESSION,
    PRETRAINING,
)


@functools.cache
def all_tasks() -> Mapping[str, TaskSpec]:
    """Returns all tasks by name; a name of tfapp's own is not taken by another distribution."""
    foreign: list[TaskSpec] = [point.load() for point in entry_points(group="tfapp.tasks")]
    return {task.name: task for task in (*foreign, *_OWN)}


def find_task(name: str) -> TaskSpec:
    """Returns the task of a name.

    Raises:
        SettingsError: There is none.
    """
    tasks = all_tasks()
    if name not in tasks:
        raise SettingsError(f"there is no task {name!r}{did_you_mean(name, tasks)}")
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
