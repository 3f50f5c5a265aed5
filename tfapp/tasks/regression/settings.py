"""The settings of regression, of texts and of pairs."""

from __future__ import annotations

from typing import Final

from tfapp.config import TaskSettings

__all__ = ["PAIR_SETTINGS", "SETTINGS"]

_READS: Final = (
    "data.label",
    "data.on_missing_label",
    "model.pooling",
    "model.dropout",
    "training.word_dropout",
    "distillation",
)

SETTINGS: Final = TaskSettings("regression", texts=("text",), reads=_READS, fits_head=True, summary="numbers for texts")
PAIR_SETTINGS: Final = TaskSettings(
    "pair-regression",
    texts=("query", "candidate"),
    reads=(*_READS, "data.group"),
    fits_head=True,
    summary="numbers for pairs of texts",
)
