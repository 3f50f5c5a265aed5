"""Fits the head that a training by steps begins with (`training.head_start = "fitted"`)."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfapp.core.shared_arrays import SharedArrays
from tfapp.models import TaskModel
from tfapp.training.features import FeatureReader, share_features
from tfapp.training.head_solver import DEFAULT_PENALTY, HeadSolver
from tfapp.training.precision import StepPrecision
from tfapp.training.time_budget import TimeBudget
from tfapp.training.tokenized_split import TokenizedSplit

__all__ = ["fit_start"]


def fit_start(
    model: TaskModel,
    frozen: TaskModel,
    split: TokenizedSplit,
    strategy: tf.distribute.Strategy,
    precision: StepPrecision,
    *,
    batch_size: int,
    budget: TimeBudget | None = None,
    shared: SharedArrays | None = None,
) -> None:
    """Fits a model's head to the vectors of the train split that its BERT gives before training.

    The reading takes at most half of a budget; then the texts that were read by then are fitted to. What reads them
    is `frozen`; see `train`.
    """
    reader = FeatureReader(frozen, strategy, batch_size, mix=budget is not None)
    half = budget.seconds_left / 2 if budget else 0.0
    steps: list[int] = []

    def read() -> np.ndarray:
        return reader.read(
            split,
            earlier=[],
            scope=precision.scope,
            on_step=lambda batches: steps.append(len(batches)),
            stop=lambda: budget is not None and budget.seconds_left < half,
        )

    if budget is None:
        features = share_features(shared, model, split, read, precision=precision, batch_size=batch_size)
        rows = np.arange(len(split.texts))
    else:
        features = read()
        rows = reader.read_rows(split, len(steps))
    HeadSolver(model, features[rows], split.targets[rows]).fit(DEFAULT_PENALTY)
