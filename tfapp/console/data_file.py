"""Describes an uploaded file: its contents, and the task and columns of a training on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from tfapp.config import DEFAULT_TASK, Experiment
from tfapp.data import Description, Proposal, describe, take_sample
from tfapp.errors import TfappError
from tfapp.tasks.experiments import parse_experiment
from tfapp.tasks.registry import all_tasks, find_task
from tfapp.tasks.settings_proposal import propose_settings
from tfapp.web.error_messages import error_message

__all__ = ["DataFileView", "FileCorrections", "column_settings", "look_at", "servable_tasks"]

_MOST_LOOKS: Final = 32
_MOST_BYTES: Final = 128 << 20


@dataclass(frozen=True)
class FileCorrections:
    """A user's corrections of the detected task and columns of a file.

    Attributes:
        task: What it is for; empty: as found out.
        columns: Columns by the settings that name them; an empty one is as found out.
    """

    task: str = ""
    columns: tuple[tuple[str, str], ...] = ()

    @property
    def named_columns(self) -> dict[str, str]:
        """Returns the columns that were chosen."""
        return {name: column for name, column in self.columns if column}


@dataclass(frozen=True)
class DataFileView:
    """The description of a data file for the page that shows it.

    Attributes:
        task: What a training would be for.
        fields: The columns that are read, by the settings that name them; empty where nobody can tell.
        columns: All columns of the file; none of a file that has no table.
        proposal: What was found out; None: nothing could be.
        description: What is in it; None: it cannot be read like this.
        problem: Why something is not known, with the way out; empty otherwise.
    """

    task: str
    fields: Mapping[str, str]
    columns: tuple[str, ...]
    proposal: Proposal | None = None
    description: Description | None = None
    problem: str = ""


def servable_tasks() -> list[str]:
    """Returns the names of the tasks whose models can be served."""
    return [name for name, task in all_tasks().items() if task.card is not None]


def column_settings(task: str) -> list[str]:
    """Returns the settings of a task that name columns: those of its texts and of its labels."""
    spec = find_task(task)
    label = ["label"] if "data.label" in spec.settings.own_names else []
    return [*spec.schema.texts, *label, *spec.schema.beside]


def look_at(path: Path, corrections: FileCorrections) -> DataFileView:
    """Looks at a data file; one that has not changed meanwhile is not read again."""
    status = path.stat()
    return _look_at(path, (status.st_mtime_ns, status.st_size), corrections)


@lru_cache(_MOST_LOOKS)
def _look_at(path: Path, _version: tuple[int, int], corrections: FileCorrections) -> DataFileView:
    proposal, task = None, corrections.task or DEFAULT_TASK
    columns: tuple[str, ...] = ()
    try:
        proposal = propose_settings(str(path), task=corrections.task or None, hints=corrections.named_columns)
        task, columns = proposal.task, proposal.columns
        experiment = _experiment(proposal)
        schema = find_task(task).schema
        max_length = experiment.model.max_length
        description = describe(str(path), experiment.data, schema=schema, max_length=max_length, most_bytes=_MOST_BYTES)
    except TfappError as error:
        problem = error_message(error).replace(str(path), path.name)
        fields = {name: corrections.named_columns.get(name, "") for name in column_settings(task)}
        return DataFileView(task, fields, columns or _columns(path), proposal, problem=problem)
    findings = (replace(finding, message=finding.message.removeprefix(f"{path}: ")) for finding in description.findings)
    description = replace(description, findings=tuple(findings))
    rating = experiment.data.rating
    names = {name: str(getattr(experiment.data, name)) for name in column_settings(task)}
    names |= {"label": rating.column} if rating else {}
    return DataFileView(task, names if columns else {}, columns, proposal, description)


def _experiment(proposal: Proposal) -> Experiment:
    """Returns the settings that were proposed."""
    merged_proposal = proposal.as_one()
    sections = {
        "data": dict(merged_proposal.data),
        "model": dict(merged_proposal.model),
        "training": dict(merged_proposal.training),
    }
    return parse_experiment({"name": "file", "task": merged_proposal.task, **sections}, source="the form")


def _columns(path: Path) -> tuple[str, ...]:
    """Returns the columns of a file of which nothing else is known; none where it cannot be read."""
    try:
        return tuple(map(str, take_sample(str(path)).columns))
    except TfappError:
        return ()
