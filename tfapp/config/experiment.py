"""An experiment: its settings files, `--set` overrides, and what its settings must be to each other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import model_validator

from tfapp.config.overrides import build_settings, read_toml
from tfapp.config.rules import broken_rule
from tfapp.config.sections import Sections
from tfapp.config.settings import ModelSettings
from tfapp.config.task_settings import foreign_setting

__all__ = ["Experiment", "dump_toml", "load_experiment", "parse_experiment"]


class Experiment(Sections):
    """One experiment: its data, its model, its training and its export."""

    @property
    def origin(self) -> str:
        """What the weights start from, in words."""
        if self.distillation and self.distillation.layers:
            return f"{self.distillation.layers} layers of {self.distillation.teacher}"
        if self.model.kind != "bert" or self.model.fresh:
            return f"none ({'fresh' if self.model.fresh else self.model.kind})"
        return self.model.preset

    @property
    def network(self) -> ModelSettings:
        """`model`, with what it leaves to the method of the training filled in."""
        if self.training.method == "few-shot" and self.model.pooling is None:
            return self.model.model_copy(update={"pooling": "mean"})
        return self.model

    @model_validator(mode="after")
    def _task_reads_what_is_set(self) -> Self:
        read = {"data", "model", "training", "distillation"}
        problem = foreign_setting(self.task, self.model_dump(include=read, exclude_defaults=True))
        if problem:
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _settings_go_together(self) -> Self:
        problem = broken_rule(self)
        if problem:
            raise ValueError(problem)
        return self


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
    values = read_toml(file, hint="`tfapp init DATA_FILE` writes one")
    return parse_experiment(values, overrides, source=str(file))


def parse_experiment(
    values: Mapping[str, Any], overrides: Iterable[str] = (), *, source: str = "settings"
) -> Experiment:
    """Builds an experiment from nested dicts and overrides.

    Args:
        values: As a TOML file gives them.
        overrides: As in `load_experiment`.
        source: Names the settings in error messages.

    Returns:
        The experiment.

    Raises:
        SettingsError: A setting has an unknown name or breaks its rule.
    """
    return build_settings(Experiment, values, overrides, source=source)


def dump_toml(experiment: Experiment, *, without: Collection[str] = ()) -> str:
    """Writes every setting of an experiment, but for some sections, as TOML that `load_experiment` reads back."""
    import tomli_w

    return tomli_w.dumps(experiment.model_dump(exclude_none=True, exclude=set(without)))
