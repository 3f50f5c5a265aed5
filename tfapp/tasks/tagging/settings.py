"""The settings of tagging."""

from __future__ import annotations

from typing import Final

from tfapp.config import Experiment, TaskSettings

__all__ = ["SETTINGS"]


def _crf(experiment: Experiment) -> str | None:
    if experiment.model.decoding == "crf" and experiment.model.class_weights != "none":
        return "model.class_weights weighs single words, but a crf learns whole texts; set none"
    return None


SETTINGS: Final = TaskSettings(
    "tagging",
    texts=("text",),
    reads=(
        "data.label",
        "data.on_missing_label",
        "data.on_unseen_label",
        "data.word_column",
        "data.tag_column",
        "model.decoding",
        "model.class_weights",
        "model.word_shapes",
        "model.words",
        "model.dropout",
        "training.word_dropout",
    ),
    rules=(_crf,),
)
