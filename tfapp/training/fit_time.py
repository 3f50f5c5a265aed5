"""Estimates how long the fits of an output layer take, before any text is read."""

from __future__ import annotations

import time
from typing import Final

import numpy as np

from tfapp.config import TrainingSettings
from tfapp.models import TaskModel
from tfapp.training.head_solver import DEFAULT_PENALTY, FOLDS, HeadSolver
from tfapp.training.tokenized_split import TokenizedSplit

__all__ = ["count_row_evaluations", "measure_row_evaluation"]

_CALLS: Final = 3
# What L-BFGS took to fit vectors of MiniLM, of 2000 questions of Banking77 (77 labels) and of 300 sentences of SST-2:
# a fit evaluated its rows 59 and 31 times in the mean over the penalties, ...
_EVALUATIONS: Final = 60
# ... one that compares penalties by folds 15 and 11 times, ...
_ROUGH_EVALUATIONS: Final = 13
# ... and 9 and 7 penalties were tried, as a search ends two after the best.
_PENALTIES: Final = 8


def count_row_evaluations(settings: TrainingSettings, train: int, dev: int) -> float:
    """Returns how many times the fits of an output layer evaluate a row, over all rows; 0 where none is fitted.

    Args:
        settings: How it is trained.
        train: Rows of train.
        dev: Rows of dev.
    """
    one_fit = _EVALUATIONS * train
    if not settings.fits_head:
        return one_fit if settings.head_start == "fitted" else 0
    if settings.penalty_split == "cross-validation":
        last_fit = _EVALUATIONS * (train + dev) if dev else 0
        return _PENALTIES * _ROUGH_EVALUATIONS * (FOLDS - 1) * train + one_fit + last_fit
    return one_fit * (_PENALTIES if dev else 1)


def measure_row_evaluation(model: TaskModel, split: TokenizedSplit) -> float:
    """Returns the seconds that a fit takes to evaluate a row here, with its share of the gradient.

    Args:
        model: Has a `head`, which is not fitted.
        split: Some rows of train, with the targets that are learnt; the vectors are drawn by chance.
    """
    width, outputs = model.head.kernel.shape
    features = np.random.default_rng(0).normal(size=(len(split.texts), width)).astype(np.float32)
    fit, weights = HeadSolver(model, features, split.targets), np.zeros((width + 1) * outputs)
    # Traced by the first call.
    fit.evaluate(weights, DEFAULT_PENALTY)
    start = time.perf_counter()
    for _ in range(_CALLS):
        fit.evaluate(weights, DEFAULT_PENALTY)
    return (time.perf_counter() - start) / _CALLS / max(len(split.texts), 1)
