"""The settings of ranking."""

from __future__ import annotations

from typing import Final

from tfapp.config import TaskSettings
from tfapp.config.default_search_spaces import label_space
from tfapp.config.label_settings import LABEL_SETTINGS

__all__ = ["SETTINGS"]

SETTINGS: Final = TaskSettings(
    "ranking",
    texts=("query", "candidate"),
    reads=(*LABEL_SETTINGS, "data.group", "model.pair_encoder", "model.temperature"),
    fits_head=True,
    notes={
        "data.group": "Rows without a group are grouped by their query.",
        "data.label": "A label is a grade: 0 for a candidate that does not fit, more for a better one.",
    },
    search=label_space,
    summary="scores of candidates for a query",
)
