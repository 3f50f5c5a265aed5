"""The tasks, and which settings each of them reads: one line a task in these tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

__all__ = ["TEXT_COLUMNS", "TaskName", "foreign_setting"]

TaskName = Literal[
    "classification", "pair-classification", "ranking", "embedding", "tagging", "answering", "pretraining"
]

# The columns of texts: names of settings in `data` and of the table's columns. They are the served model's inputs too,
# but for a task that learns from pairs and answers single texts.
TEXT_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "classification": ("text",),
    "pair-classification": ("query", "candidate"),
    "ranking": ("query", "candidate"),
    "embedding": ("query", "candidate"),
    "tagging": ("text",),
    "answering": ("question", "context"),
    "pretraining": ("text",),
}

_CLASSES: Final = ("classification", "pair-classification")
_PAIRS: Final = ("pair-classification", "ranking", "embedding")
_POOLED: Final = (*_CLASSES, "ranking")
_EMBEDDING: Final = ("embedding",)
_TAGGING: Final = ("tagging",)
_ANSWERING: Final = ("answering",)
_PRETRAINING: Final = ("pretraining",)

# Settings and sections that not every task reads, with the tasks that do.
_READ_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "data.group": (*_PAIRS, *_ANSWERING),
    "data.negative": _EMBEDDING,
    "data.label": (*_POOLED, *_TAGGING),
    "data.on_missing_label": (*_POOLED, *_TAGGING, *_ANSWERING),
    "data.per_class": _CLASSES,
    "data.answer": _ANSWERING,
    "data.answer_start": _ANSWERING,
    "data.rating": _CLASSES,
    "data.label_separator": _CLASSES,
    "data.on_single_label": _CLASSES,
    "data.on_unseen_label": (*_CLASSES, *_TAGGING),
    "data.unknown_label": _CLASSES,
    "data.word_column": _TAGGING,
    "data.tag_column": _TAGGING,
    "model.unknown_share": _CLASSES,
    "model.unknown_by": _CLASSES,
    "model.window": ("classification",),
    "model.pooling": (*_POOLED, *_EMBEDDING),
    "model.decoding": _TAGGING,
    "model.class_weights": _TAGGING,
    "model.word_shapes": _TAGGING,
    "model.words": _TAGGING,
    "model.multi_label": _CLASSES,
    "model.dropout": (*_POOLED, *_TAGGING, *_ANSWERING),
    "model.temperature": ("classification", *_EMBEDDING),
    "model.symmetric": _EMBEDDING,
    "model.no_answer": _ANSWERING,
    "model.stride": _ANSWERING,
    "model.max_windows": _ANSWERING,
    "model.max_answer_length": _ANSWERING,
    "model.masking": _PRETRAINING,
    "model.fresh": _PRETRAINING,
    "training.word_dropout": (*_POOLED, *_TAGGING),
    "distillation": _POOLED,
}


def foreign_setting(task: str, chosen: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Finds a setting that somebody chose and the task does not read.

    Args:
        task: The task.
        chosen: Settings that are not at their defaults, by section and name; no section without one.

    Returns:
        What is wrong, in words; None where nothing is.
    """
    texts = [f"data.{name}" for name in TEXT_COLUMNS[task]]
    others = {f"data.{name}" for names in TEXT_COLUMNS.values() for name in names}.difference(texts)
    foreign = sorted(others) + [name for name, tasks in _READ_BY.items() if task not in tasks]
    for name in foreign:
        section, _, field = name.partition(".")
        if field in chosen.get(section, {}) or (not field and section in chosen):
            hint = f"; its columns of texts are {' and '.join(texts)}" if name in others else ""
            return f"{name} is not read by the task {task}{hint}; remove it, or set another task"
    return None
