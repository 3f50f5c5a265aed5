"""The sections of a settings file together."""

from __future__ import annotations

from pydantic import Field

from tfapp.config.settings import (
    DataSettings,
    DistillationSettings,
    ExportSettings,
    ModelSettings,
    Settings,
    TrainingSettings,
)
from tfapp.config.task_settings import TaskName

__all__ = ["Sections"]


class Sections(Settings):
    """What an experiment is asked, each by its own rule."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Names the run folder and the served model.")
    task: TaskName = Field(
        "classification",
        description="What the model does: classification of texts, pair-classification, ranking of candidates for "
        "a query, tagging of spans in texts, answering of questions from contexts, embedding of texts as vectors; or "
        "pretraining of a BERT on texts without labels.",
    )
    data: DataSettings
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()
    distillation: DistillationSettings | None = None
    export: ExportSettings = ExportSettings()
