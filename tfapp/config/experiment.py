"""An experiment: the sections of a settings file together."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar, Final

from pydantic import Field

from tfapp.config.settings.base import Settings
from tfapp.config.settings.data import DataSettings
from tfapp.config.settings.export import ExportSettings
from tfapp.config.settings.model import ModelSettings
from tfapp.config.settings.search import SearchSettings
from tfapp.config.settings.training import DistillationSettings, TrainingSettings

__all__ = ["DEFAULT_TASK", "Experiment", "dump_toml"]

DEFAULT_TASK: Final = "classification"
"""The task of settings that name none, and of labelled texts that no task takes for its own."""


class Experiment(Settings):
    """One experiment: its data, its model, its training and its export.

    `parse_experiment` makes it, with the sections of its task.

    Attributes:
        unread: Settings that some tasks read and its own does not, such as `data.group`.
    """

    unread: ClassVar[frozenset[str]] = frozenset()

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Names the run folder and the served model.")
    task: str = Field(DEFAULT_TASK, description="What the model does.")
    data: DataSettings
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()
    distillation: DistillationSettings | None = None
    export: ExportSettings = ExportSettings()
    search: SearchSettings | None = Field(
        None, description="What `tfapp search` tries; by default, what suits the task. A training does not read it."
    )

    @property
    def origin(self) -> str:
        """Returns the origin of the initial weights in words, such as a preset's name."""
        if self.distillation and self.distillation.layers:
            return f"{self.distillation.layers} layers of {self.distillation.teachers[0]}"
        if self.model.from_scratch:
            return f"none ({'fresh' if self.model.kind == 'bert' else self.model.kind})"
        return self.model.preset

    @property
    def network(self) -> ModelSettings:
        """Returns `model` with its pooling filled in: the mean where vectors are compared."""
        compares_vectors = self.training.compares_vectors or self.model.compares_vectors
        if compares_vectors and self.model.pooling is None:
            return self.model.model_copy(update={"pooling": "mean"})
        return self.model


def dump_toml(experiment: Experiment, *, without: Collection[str] = ()) -> str:
    """Writes every setting that an experiment's task reads, but for some sections, as TOML."""
    import tomli_w

    values = experiment.model_dump(exclude_none=True, exclude=set(without))
    for name in experiment.unread:
        section, _, field = name.partition(".")
        values.get(section, {}).pop(field, None)
    return tomli_w.dumps(values)
