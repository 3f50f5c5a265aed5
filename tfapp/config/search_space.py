"""Reads the space of a search: which settings are tried, in which range or of which values, and under which others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from tfapp.config.experiment import Experiment
from tfapp.config.overrides import first_problem, section_of
from tfapp.config.settings.search import ChoiceSettings, RangeSettings
from tfapp.config.task_settings import TaskSettings
from tfapp.errors import SettingsError, did_you_mean

__all__ = ["SearchDimension", "read_search_space", "setting_value"]

_SEARCHED: Final = ("model", "training", "distillation")


@dataclass(frozen=True)
class SearchDimension:
    """A setting that is searched.

    Attributes:
        name: The setting, such as `training.learning_rate`.
        low: The lowest value of a range.
        high: Its highest value.
        log: Whether the range is divided by orders of magnitude.
        whole: Whether it is one of whole numbers.
        values: What is tried instead of a range; empty for a range.
        conditions: The values of other settings, by name, with which it is searched; with others it is at its default.
    """

    name: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    values: tuple[Any, ...] = ()
    conditions: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def applies(self, settings: Mapping[str, Any]) -> bool:
        """Returns whether it is searched where other settings, by name, have these values."""
        return all(settings[name] in values for name, values in self.conditions.items())

    def describe(self) -> str:
        """Returns the setting, its range or values, and its conditions in one line."""
        if self.values:
            words = f"one of {', '.join(json.dumps(value, default=str) for value in self.values)}"
        else:
            words = f"{self.low:g} to {self.high:g}{' (log)' if self.log else ''}"
        conditions = [f"{name} is {' or '.join(map(str, values))}" for name, values in self.conditions.items()]
        return f"{self.name}: {words}{', where ' if conditions else ''}{' and '.join(conditions)}"


def read_search_space(experiment: Experiment, task: TaskSettings) -> tuple[SearchDimension, ...]:
    """Reads an experiment's section `search`, or the space that its task proposes where it has none.

    Args:
        experiment: The settings, of which those that are searched are only a beginning.
        task: Its task.

    Returns:
        The dimensions, each after those that its conditions name.

    Raises:
        SettingsError: A name is no setting that can be searched, or a value breaks the setting's rule.
    """
    has_space = experiment.search is not None and bool(experiment.search.model_extra)
    space = (experiment.search.model_extra or {}) if experiment.search and has_space else task.search(experiment)
    fields = _searchable_fields(experiment, task)
    dimensions: dict[str, SearchDimension] = {}
    for key, value in _flatten(space):
        dimension = _read_dimension(key, value, fields)
        if dimension.name in dimensions:
            raise SettingsError(f"search: {dimension.name} is there twice; remove one")
        dimensions[dimension.name] = dimension
    dimensions_in_order = [dimensions[name] for name in _in_order(dimensions)]
    applicable = [dimension for dimension in dimensions_in_order if _can_apply(dimension, dimensions, experiment)]
    if has_space and len(applicable) < len(dimensions_in_order):
        never = next(dimension for dimension in dimensions_in_order if dimension not in applicable)
        raise SettingsError(f"search: {never.describe()}, which never is; remove it, or change the other setting")
    return tuple(applicable)


def setting_value(experiment: Experiment, name: str) -> Any:
    """Returns the value of a setting, such as `training.epochs`."""
    value: Any = experiment
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _flatten(space: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields names and dimensions; tables that are no dimensions are sections."""
    for key, value in space.items():
        if value and isinstance(value, Mapping) and not {"low", "high", "values"} & value.keys():
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _read_dimension(key: str, value: Any, fields: Mapping[str, FieldInfo]) -> SearchDimension:
    name = _full_name(key, fields, is_dimension=True)
    table = {"values": value} if isinstance(value, list | tuple) else value
    if not isinstance(table, Mapping):
        raise SettingsError(
            f"search.{key} is a list of values or a range such as {{ low = 1, high = 4 }}, got {value!r:.80}"
        )
    kind: type[ChoiceSettings | RangeSettings] = ChoiceSettings if "values" in table else RangeSettings
    try:
        settings = kind.model_validate(table)
    except ValidationError as error:
        raise SettingsError(f"search.{key}: {first_problem(error, kind)}") from error
    conditions = {
        _full_name(other, fields): tuple(condition) if isinstance(condition, list | tuple) else (condition,)
        for other, condition in _flatten(settings.when)
    }
    annotation = fields[name].annotation
    values = settings.values if isinstance(settings, ChoiceSettings) else (settings.low, settings.high)
    for item in values:
        _check_value(key, item, fields[name])
    if isinstance(settings, ChoiceSettings):
        return SearchDimension(name, values=settings.values, conditions=conditions)
    if isinstance(settings.low, bool) or not {int, float} & {annotation, *get_args(annotation)}:
        raise SettingsError(f"search.{key} has no range of numbers; give a list of values")
    is_integer = float not in {annotation, *get_args(annotation)}
    return SearchDimension(name, settings.low, settings.high, log=settings.log, whole=is_integer, conditions=conditions)


def _check_value(key: str, value: Any, info: FieldInfo) -> None:
    try:
        TypeAdapter(info.rebuild_annotation()).validate_python(value)
    except ValidationError as error:
        rule = error.errors()[0]["msg"].removeprefix("Input ")
        raise SettingsError(f"search.{key} {rule}, got {value!r:.80}") from error


def _searchable_fields(experiment: Experiment, task: TaskSettings) -> dict[str, FieldInfo]:
    """Returns the settings that the task reads, by name, those of sections in sections included."""
    fields = dict(_plain_fields(task.fields))
    if experiment.distillation is not None:
        section = type(experiment.distillation)
        fields |= {f"distillation.{name}": info for name, info in section.model_fields.items()}
    return {name: info for name, info in fields.items() if name not in experiment.unread}


def _plain_fields(fields: Mapping[str, FieldInfo], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, info in fields.items():
        section: type[BaseModel] | None = section_of(info)
        if section is None:
            yield f"{prefix}{name}", info
        elif name != "distillation" and info.default is not None:
            yield from _plain_fields(section.model_fields, f"{prefix}{name}.")


def _full_name(key: str, fields: Mapping[str, FieldInfo], *, is_dimension: bool = False) -> str:
    """Returns the setting of a name that may lack its section.

    Raises:
        SettingsError: There is none, or there are several, or it decides which texts trials are compared on.
    """
    names = [name for name in fields if name == key or name.endswith(f".{key}")]
    if is_dimension:
        names = [name for name in names if name.partition(".")[0] in _SEARCHED] or names
    if len(names) > 1:
        raise SettingsError(f"search.{key}: write {' or '.join(json.dumps(name) for name in names)}")
    if not names:
        searchable_names = [name for name in fields if name.partition(".")[0] in _SEARCHED]
        leaves = searchable_names if "." in key else [name.rpartition(".")[2] for name in searchable_names]
        raise SettingsError(f"unknown setting search.{key}{did_you_mean(key, leaves)}")
    if is_dimension and names[0].partition(".")[0] not in _SEARCHED:
        raise SettingsError(
            f"search.{key}: trials are compared on the same data, so {names[0]} cannot be searched; remove it"
        )
    return names[0]


def _in_order(dimensions: Mapping[str, SearchDimension]) -> list[str]:
    """Returns the names, each after those that its conditions name."""
    before = {
        name: [other for other in dimension.conditions if other in dimensions] for name, dimension in dimensions.items()
    }
    try:
        return list(TopologicalSorter(before).static_order())
    except CycleError as error:
        raise SettingsError(
            f"search: the conditions of {' and '.join(error.args[1][1:])} wait for one another; remove one of them"
        ) from error


def _can_apply(dimension: SearchDimension, dimensions: Mapping[str, SearchDimension], experiment: Experiment) -> bool:
    """Returns whether a dimension's conditions are ever fulfilled."""
    for name, values in dimension.conditions.items():
        other = dimensions.get(name)
        if other is None:
            if setting_value(experiment, name) not in values:
                return False
        elif other.values and not any(value in values for value in other.values):
            return False
    return True
