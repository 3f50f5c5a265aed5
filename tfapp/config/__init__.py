"""One experiment as frozen settings: TOML in, `--set` overrides, validated with the field's name.

The tasks are handed to it, as `TaskSettings`; `tfapp.tasks.experiments` reads settings with all of them.

The descriptions of the fields are the reference of the settings file: `tfapp init` writes them as comments.
"""

from __future__ import annotations

from tfapp.config.experiment import Experiment, dump_toml
from tfapp.config.parse import parse_experiment
from tfapp.config.settings import (
    DataSettings,
    DistillationSettings,
    ExportSettings,
    ModelSettings,
    OnOverlap,
    OnProblem,
    RatingSettings,
    Settings,
    TrainingSettings,
)
from tfapp.config.task_settings import TaskSettings

__all__ = [
    "DataSettings",
    "DistillationSettings",
    "Experiment",
    "ExportSettings",
    "ModelSettings",
    "OnOverlap",
    "OnProblem",
    "RatingSettings",
    "Settings",
    "TaskSettings",
    "TrainingSettings",
    "dump_toml",
    "parse_experiment",
]
