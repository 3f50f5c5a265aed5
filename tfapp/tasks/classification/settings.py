"""The settings of classification."""

from __future__ import annotations

from typing import Final

from tfapp.config import TaskSettings
from tfapp.tasks.class_settings import CLASS_SETTINGS

__all__ = ["SETTINGS"]

SETTINGS: Final = TaskSettings(
    "classification",
    texts=("text",),
    reads=(*CLASS_SETTINGS, "model.window", "model.temperature"),
    fits_head=True,
    few_shot=True,
)
