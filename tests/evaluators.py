"""The evaluator of a model's task, as functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfapp.models import TaskModel
from tfapp.tasks.registry import find_task
from tfapp.training import TokenizedSplit

__all__ = ["evaluate", "fit_and_evaluate"]


def evaluate(model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> Any:
    return find_task(model.task.name).evaluator().evaluate(model, logits, split)


def fit_and_evaluate(model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> Any:
    return find_task(model.task.name).evaluator().fit_and_evaluate(model, logits, split)
