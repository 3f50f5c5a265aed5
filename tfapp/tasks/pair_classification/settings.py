"""The settings of pair classification."""

from __future__ import annotations

from typing import Final

from tfapp.config import TaskSettings
from tfapp.config.default_search_spaces import class_space
from tfapp.config.label_settings import CLASS_SETTINGS

__all__ = ["SETTINGS"]

SETTINGS: Final = TaskSettings(
    "pair-classification",
    texts=("query", "candidate"),
    reads=(*CLASS_SETTINGS, "data.group", "model.pair_encoder"),
    fits_head=True,
    notes={"data.group": "Rows without a group are grouped by their query."},
    search=class_space,
    summary="labels for pairs of texts",
)
