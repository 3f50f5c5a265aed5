"""Holds the settings of one experiment: frozen, read from TOML and `--set`, and checked field by field.

The tasks are handed to it, as `TaskSettings`; `tfapp.tasks.experiments` reads settings with all of them.

The descriptions of the fields are the reference of the settings file: `tfapp init` writes them as comments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfapp._old_names import refuse_old_names
from tfapp.config.experiment import DEFAULT_TASK, Experiment, dump_toml
from tfapp.config.parse import parse_experiment
from tfapp.config.settings.augment import AugmentSettings, PerturbationKind
from tfapp.config.settings.base import Settings
from tfapp.config.settings.data import DataSettings, FormatName, OnOverlap, OnProblem, RatingSettings
from tfapp.config.settings.export import ExportSettings
from tfapp.config.settings.model import ModelSettings
from tfapp.config.settings.training import DistillationSettings, TrainingSettings
from tfapp.config.task_settings import TaskSettings

__all__ = [
    "DEFAULT_TASK",
    "AugmentSettings",
    "DataSettings",
    "DistillationSettings",
    "Experiment",
    "ExportSettings",
    "FormatName",
    "ModelSettings",
    "OnOverlap",
    "OnProblem",
    "PerturbationKind",
    "RatingSettings",
    "Settings",
    "TaskSettings",
    "TrainingSettings",
    "dump_toml",
    "parse_experiment",
]


if not TYPE_CHECKING:
    __getattr__ = refuse_old_names(__name__)
