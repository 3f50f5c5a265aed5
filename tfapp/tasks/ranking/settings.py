"""The settings of ranking."""

from __future__ import annotations

from typing import Final

from tfapp.config import TaskSettings

__all__ = ["SETTINGS"]

SETTINGS: Final = TaskSettings(
    "ranking",
    texts=("query", "candidate"),
    reads=(
        "data.group",
        "data.label",
        "data.on_missing_label",
        "model.pooling",
        "model.dropout",
        "training.word_dropout",
        "distillation",
    ),
    summary="scores of candidates for a query",
)
