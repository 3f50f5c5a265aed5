"""The tasks, and which settings each of them reads: one line a task in these tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

__all__ = ["TEXT_COLUMNS", "TaskName", "foreign_setting"]

TaskName = Literal["classification", "pair-classification", "ranking", "tagging"]

# The columns of texts: names of settings in `data`, of the table's columns and of the served model's inputs.
TEXT_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "classification": ("text",),
    "pair-classification": ("query", "candidate"),
    "ranking": ("query", "candidate"),
    "tagging": ("text",),
}

_CLASSES: Final = ("classification", "pair-classification")
_PAIRS: Final = ("pair-classification", "ranking")
_TAGGING: Final = ("tagging",)

# Settings that not every task reads, with those that do.
_READ_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "data.group": _PAIRS,
    "data.rating": _CLASSES,
    "data.label_separator": _CLASSES,
    "data.on_single_label": _CLASSES,
    "data.on_unseen_label": (*_CLASSES, *_TAGGING),
    "data.word_column": _TAGGING,
    "data.tag_column": _TAGGING,
    "model.window": ("classification",),
    "model.pooling": (*_CLASSES, "ranking"),
    "model.decoding": _TAGGING,
    "model.class_weights": _TAGGING,
    "model.multi_label": _CLASSES,
}


def foreign_setting(task: str, chosen: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Finds a setting that somebody chose and the task does not read.

    Args:
        task: The task.
        chosen: Settings that are not at their defaults, by section and name.

    Returns:
        What is wrong, in words; None where nothing is.
    """
    texts = [f"data.{name}" for name in TEXT_COLUMNS[task]]
    others = {f"data.{name}" for names in TEXT_COLUMNS.values() for name in names}.difference(texts)
    foreign = sorted(others) + [name for name, tasks in _READ_BY.items() if task not in tasks]
    for name in foreign:
        section, _, field = name.partition(".")
        if field in chosen.get(section, {}):
            hint = f"; its columns of texts are {' and '.join(texts)}" if name in others else ""
            return f"{name} is not read by the task {task}{hint}; remove it, or set another task"
    return None
