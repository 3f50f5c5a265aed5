"""The settings of a trial: those of the search, with the values that were drawn."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfapp.config import Experiment, dump_toml
from tfapp.config.search_space import SearchDimension, setting_value
from tfapp.tasks.experiments import parse_experiment

if TYPE_CHECKING:
    import optuna
    from pydantic import BaseModel

__all__ = ["suggest_parameters", "trial_experiment"]


def trial_experiment(
    experiment: Experiment, dimensions: Sequence[SearchDimension], parameters: Mapping[str, Any]
) -> Experiment:
    """Returns the settings of a trial.

    Args:
        experiment: The settings of the search.
        dimensions: What is searched.
        parameters: The values that were drawn, by setting, as Optuna keeps them. What was not drawn has its default.

    Raises:
        SettingsError: Settings do not go together.
    """
    values = tomllib.loads(dump_toml(experiment, without={"search"}))
    for dimension in dimensions:
        *sections, leaf = dimension.name.split(".")
        section = values
        for name in sections:
            section = section.setdefault(name, {})
        section.pop(leaf, None)
        if dimension.name in parameters:
            stored_values = [_store_value(value) for value in dimension.values]
            value = parameters[dimension.name]
            section[leaf] = dimension.values[stored_values.index(value)] if stored_values else value
    return parse_experiment(values, source="the trial")


def suggest_parameters(
    trial: optuna.trial.Trial, dimensions: Sequence[SearchDimension], experiment: Experiment
) -> None:
    """Draws a value for each dimension that applies."""
    settings: dict[str, Any] = {}

    def value_of(name: str) -> Any:
        return settings[name] if name in settings else setting_value(experiment, name)

    for dimension in dimensions:
        name = dimension.name
        if not dimension.applies({other: value_of(other) for other in dimension.conditions}):
            settings[name] = _default_value(experiment, name)
        elif dimension.values:
            stored_values = [_store_value(value) for value in dimension.values]
            settings[name] = dimension.values[stored_values.index(trial.suggest_categorical(name, stored_values))]
        elif dimension.whole:
            settings[name] = trial.suggest_int(name, int(dimension.low), int(dimension.high), log=dimension.log)
        else:
            settings[name] = trial.suggest_float(name, dimension.low, dimension.high, log=dimension.log)


def _store_value(value: Any) -> Any:
    """Returns a value as Optuna can keep it: lists as JSON."""
    return json.dumps(value) if isinstance(value, list | tuple) else value


def _default_value(experiment: Experiment, name: str) -> Any:
    """Returns the default of a setting, such as `training.layer_decay`."""
    *sections, leaf = name.split(".")
    section: BaseModel = experiment
    for part in sections:
        section = getattr(section, part)
    return type(section).model_fields[leaf].get_default(call_default_factory=True)
