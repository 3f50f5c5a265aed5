"""The settings of a task and its words on the model card, as each task hands them to the layers below."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from tfapp.config.experiment import Experiment
from tfapp.config.settings.base import Settings
from tfapp.config.settings.data import DataSettings
from tfapp.config.settings.model import ModelSettings
from tfapp.config.settings.training import TrainingSettings
from tfapp.errors import did_you_mean

__all__ = ["CardWords", "TaskSettings", "foreign_fields", "foreign_setting", "unknown_task"]

_BASES: Final[dict[str, type[Settings]]] = {"data": DataSettings, "model": ModelSettings, "training": TrainingSettings}


@dataclass(frozen=True)
class TaskSettings:
    """The settings of a task.

    Attributes:
        name: The task's name.
        texts: The columns of texts: names of settings in `data` and of the table's columns. They are the served model's
            inputs too, but for a task that learns from pairs and answers single texts.
        reads: The shared settings, such as `data.group`, and sections, such as `distillation`, that it reads and some
            other tasks do not.
        data: The class of its section `data`, with the settings that this task alone reads.
        model: The class of its section `model`.
        training: The class of its section `training`.
        rules: Checks of its settings against each other; each returns what is wrong and the way out, or None.
        kinds: What `model.kind` may be.
        pretrained: Whether its models answer before any training, since all of the network is pretrained.
        fits_head: Whether `training.adapt = "head"` fits its models' head at once, not by steps.
        notes: What shared settings, such as `data.label`, mean for this task alone, in sentences that follow their
            descriptions.
        refusals: Why it does not read some of the settings that other tasks share, by their names, and what to do
            instead, in a few words.
        search: Returns what a search tries where an experiment's settings name nothing, in the form of their section
            `search`; what other settings rule out is left out. By default, a search must be told what to try.
        summary: What its models make, in a few words, for the list of tasks in new settings files.
    """

    name: str
    texts: tuple[str, ...]
    reads: tuple[str, ...] = ()
    data: type[DataSettings] = DataSettings
    model: type[ModelSettings] = ModelSettings
    training: type[TrainingSettings] = TrainingSettings
    rules: tuple[Callable[[Experiment], str | None], ...] = ()
    kinds: tuple[str, ...] = ("bert",)
    pretrained: bool = False
    fits_head: bool = False
    notes: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    refusals: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    search: Callable[[Experiment], Mapping[str, Any]] = lambda _: {}
    summary: str = ""

    @property
    def fields(self) -> dict[str, FieldInfo]:
        """Returns the fields of its sections by setting, such as `data.text`, and the section distillation."""
        sections: dict[str, type[Settings]] = {"data": self.data, "model": self.model, "training": self.training}
        fields = {
            f"{name}.{field}": info
            for name, section in sections.items()
            for field, info in section.model_fields.items()
        }
        return fields | {"distillation": Experiment.model_fields["distillation"]}

    @property
    def columns(self) -> tuple[str, ...]:
        """Returns the settings that name its columns of texts."""
        return tuple(f"data.{name}" for name in self.texts)

    @property
    def own_names(self) -> set[str]:
        """Returns the settings that it reads and some other tasks do not."""
        shared_names = {f"{name}.{field}" for name, section in _BASES.items() for field in section.model_fields}
        return {*self.columns, *self.reads, *(self.fields.keys() - shared_names - {"distillation"})}


def foreign_fields(task: TaskSettings, tasks: Iterable[TaskSettings]) -> dict[str, FieldInfo]:
    """Returns the fields that other tasks read and this one does not, by their settings' names in order."""
    fields: dict[str, FieldInfo] = {}
    for other in tasks:
        other_fields = other.fields
        fields |= {name: other_fields[name] for name in other.own_names}
    return {name: fields[name] for name in sorted(fields.keys() - task.own_names)}


def foreign_setting(values: dict[str, Any], task: TaskSettings, tasks: Iterable[TaskSettings]) -> str | None:
    """Finds a setting that somebody chose and the task does not read, and removes those at their defaults.

    The settings of a run hold every one that there was, at its default.

    Args:
        values: The sections of an experiment, as yet unchecked; settings that the task does not have are removed.
        task: The experiment's task.
        tasks: All tasks.

    Returns:
        What is wrong, in words; None where nothing is.
    """
    present = task.fields
    columns = {name for other in tasks for name in other.columns}
    for name, field in foreign_fields(task, tasks).items():
        *path, leaf = name.split(".")
        section = values.get(path[0]) if path else values
        if not isinstance(section, dict) or leaf not in section:
            continue
        if not _is_default(section[leaf], field):
            hint = f"; its columns of texts are {' and '.join(task.columns)}" if name in columns else ""
            hint = f": {task.refusals[name]}" if name in task.refusals else hint
            return f"{name} is not read by the task {task.name}{hint}; remove it, or set another task"
        if name not in present:
            del section[leaf]
    return None


def _is_default(value: Any, field: FieldInfo) -> bool:
    """Returns whether a value is a setting's default, or was in an earlier version, whose runs hold it."""
    try:
        parsed_value = TypeAdapter(field.rebuild_annotation()).validate_python(value)
    except ValidationError:
        return False
    extra = field.json_schema_extra
    former_default = extra.get("former_default") if isinstance(extra, dict) else None
    default = field.get_default(call_default_factory=True)
    return bool(parsed_value == default or (former_default is not None and parsed_value == former_default))


@dataclass(frozen=True)
class CardWords:
    """The words of the model card on a task's models.

    Attributes:
        takes: What a model takes.
        call: How the client calls it; `{name}` stands for the model's.
        answers: What it answers; `{labels}` stands for its labels.
        knows: What is beyond it; None: what is none of its labels.
        reads: How much of a text it reads; `{max_length}` stands for its tokens.
    """

    takes: str
    call: str
    answers: str = "{labels}"
    knows: str | None = None
    reads: str = "Texts are cut off after {max_length} tokens; the rest is not read."


def unknown_task(name: object, tasks: Iterable[str]) -> str:
    """Returns the words of an error about a task's name, `name`, that is none of `tasks`."""
    hint = did_you_mean(str(name), tasks)
    package = "" if hint.endswith("?") else "; if another package brings it, install that"
    return f"there is no task {name!r:.200}{hint}{package}"
