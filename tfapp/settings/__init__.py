"""The sections of a settings file, a file each; `tfapp.config` makes an experiment of them.

A setting is one field: its default, its rule and its description, which `tfapp init` writes as a comment.
"""

from __future__ import annotations

from tfapp.settings.base import Settings
from tfapp.settings.data import DataSettings, OnProblem, RatingSettings
from tfapp.settings.export import ExportSettings
from tfapp.settings.model import FreshSettings, MaskingSettings, ModelSettings
from tfapp.settings.training import DistillationSettings, TrainingSettings

__all__ = [
    "DataSettings",
    "DistillationSettings",
    "ExportSettings",
    "FreshSettings",
    "MaskingSettings",
    "ModelSettings",
    "OnProblem",
    "RatingSettings",
    "Settings",
    "TrainingSettings",
]
