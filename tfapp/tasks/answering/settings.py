"""The settings of answering."""

from __future__ import annotations

from typing import Final

from tfapp.config import TaskSettings

__all__ = ["SETTINGS"]

SETTINGS: Final = TaskSettings(
    "answering",
    texts=("question", "context"),
    reads=(
        "data.group",
        "data.on_missing_label",
        "data.answer",
        "data.answer_start",
        "model.dropout",
        "model.no_answer",
        "model.stride",
        "model.max_windows",
        "model.max_answer_length",
    ),
)
