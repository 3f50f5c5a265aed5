"""The settings that tasks read which learn classes, of texts and of pairs."""

from __future__ import annotations

from typing import Final

__all__ = ["CLASS_SETTINGS"]

CLASS_SETTINGS: Final = (
    "data.label",
    "data.on_missing_label",
    "data.per_class",
    "data.rating",
    "data.label_separator",
    "data.on_single_label",
    "data.on_unseen_label",
    "data.unknown_label",
    "model.unknown_share",
    "model.unknown_by",
    "model.pooling",
    "model.multi_label",
    "model.dropout",
    "training.word_dropout",
    "distillation",
)
