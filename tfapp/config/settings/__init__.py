"""The sections of a settings file, a file each; `tfapp.config` makes an experiment of them.

A setting is one field: its default, its rule and its description, which `tfapp init` writes as a comment.
"""

from __future__ import annotations

from tfapp.config.settings.base import Settings
from tfapp.config.settings.data import DataSettings, OnOverlap, OnProblem, RatingSettings
from tfapp.config.settings.export import ExportSettings
from tfapp.config.settings.model import ModelSettings
from tfapp.config.settings.training import DistillationSettings, TrainingSettings

__all__ = [
    "DataSettings",
    "DistillationSettings",
    "ExportSettings",
    "ModelSettings",
    "OnOverlap",
    "OnProblem",
    "RatingSettings",
    "Settings",
    "TrainingSettings",
]
