"""The settings that several tasks read: all that learn a label of each row, and those whose labels are classes."""

from __future__ import annotations

from typing import Final

__all__ = ["CLASS_SETTINGS", "LABEL_SETTINGS"]

LABEL_SETTINGS: Final = (
    "data.label",
    "data.on_missing_label",
    "model.pooling",
    "model.dropout",
    "training.word_dropout",
    "training.augment",
    "training.fgm_epsilon",
    "training.r_drop_alpha",
    "training.calibrate",
    "distillation",
)
CLASS_SETTINGS: Final = (
    *LABEL_SETTINGS,
    "data.per_class",
    "data.rating",
    "data.label_separator",
    "data.merge_labels",
    "data.on_single_label",
    "data.on_unseen_label",
    "data.unknown_label",
    "model.unknown_share",
    "model.unknown_by",
    "model.multi_label",
    "model.class_balance",
    "model.focal_gamma",
)
