"""The settings of regression, of texts and of pairs."""

from __future__ import annotations

from typing import Final

from tfapp.config import TaskSettings
from tfapp.config.default_search_spaces import label_space
from tfapp.config.label_settings import LABEL_SETTINGS

__all__ = ["PAIR_SETTINGS", "SETTINGS"]

_NUMBERS: Final = "A label is a number."

SETTINGS: Final = TaskSettings(
    "regression",
    texts=("text",),
    reads=LABEL_SETTINGS,
    fits_head=True,
    notes={"data.label": _NUMBERS},
    search=label_space,
    summary="numbers for texts",
)
PAIR_SETTINGS: Final = TaskSettings(
    "pair-regression",
    texts=("query", "candidate"),
    reads=(*LABEL_SETTINGS, "data.group", "model.pair_encoder"),
    fits_head=True,
    notes={"data.group": "Rows without a group are grouped by their query.", "data.label": _NUMBERS},
    search=label_space,
    summary="numbers for pairs of texts",
)
