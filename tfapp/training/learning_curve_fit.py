"""Measures a learning curve from the vectors of an untouched preset, before anything is trained."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Final

import numpy as np
import tensorflow as tf

from tfapp.evaluation.learning_curve import LearningCurve
from tfapp.models import BertModel, TaskModel
from tfapp.models.classes import ClassificationModel
from tfapp.training.features import FeatureReader, feature_scale
from tfapp.training.head_solver import DEFAULT_PENALTY
from tfapp.training.tokenized_split import TokenizedSplit

__all__ = ["fit_curve", "measure_learning_curve"]

# Below these, chance is larger than what a curve could show.
_FEWEST: Final = (120, 30)
# Texts and tokens: read in some seconds by a small encoder on two cores.
_MOST_TRAIN: Final = (4000, 200_000)
_MOST_DEV: Final = (1000, 60_000)


def measure_learning_curve(
    model: TaskModel, train: TokenizedSplit, dev: TokenizedSplit, strategy: tf.distribute.Strategy, batch_size: int
) -> LearningCurve | None:
    """Fits logistic regressions to a quarter, half and all of train's vectors, and scores them on dev.

    Args:
        model: Before its training, with the preset's weights.
        train: The train split.
        dev: The dev split.
        strategy: What the reading runs under.
        batch_size: Texts a step.

    Returns:
        The curve; None where there is no text encoder, a text has several labels, there are too few texts, or several
        devices train.
    """
    if not isinstance(model, ClassificationModel) or not isinstance(model, BertModel) or model.multi_label:
        return None
    if strategy.num_replicas_in_sync > 1:
        return None
    rows = [_sample(split, *limits) for split, limits in ((train, _MOST_TRAIN), (dev, _MOST_DEV))]
    if any(len(numbers) < fewest for numbers, fewest in zip(rows, _FEWEST, strict=True)):
        return None
    reader = FeatureReader(model, strategy, batch_size)
    vectors, targets = [], []
    for split, numbers in zip((train, dev), rows, strict=True):
        part = replace(split, texts=split.texts.take(numbers), targets=split.targets[numbers])
        vectors.append(reader.read(part, earlier=[], scope=nullcontext, on_step=lambda _: None))
        targets.append(part.targets)
    row_count = len(train.targets) - int((train.targets < 0).sum())
    return fit_curve(vectors[0], targets[0], vectors[1], targets[1], train_rows=row_count)


def fit_curve(
    vectors: np.ndarray, targets: np.ndarray, dev_vectors: np.ndarray, dev_targets: np.ndarray, *, train_rows: int
) -> LearningCurve | None:
    """Fits the logistic regressions of a learning curve to vectors, and scores them on dev's.

    Args:
        vectors: float[N, H].
        targets: int[N].
        dev_vectors: float[M, H].
        dev_targets: int[M].
        train_rows: Texts of the whole train split.

    Returns:
        The curve; None where a part has a single label.
    """
    from sklearn.linear_model import LogisticRegression

    size = feature_scale(vectors)
    order = np.random.default_rng(0).permutation(len(vectors))
    sizes, hits_by_size = [], []
    for parts in (4, 2, 1):
        hits = []
        for part in np.array_split(order, parts):
            if len(np.unique(targets[part])) < 2:
                return None
            regression = LogisticRegression(C=1 / DEFAULT_PENALTY, max_iter=200)
            regression.fit(vectors[part] / size, targets[part])
            hits.append(regression.predict(dev_vectors / size) == dev_targets)
        sizes.append(len(order) // parts)
        hits_by_size.append(np.mean(hits, axis=0))
    gains = hits_by_size[-1] - hits_by_size[-2]
    return LearningCurve(
        tuple(sizes),
        tuple(float(hits.mean()) for hits in hits_by_size),
        float(gains.std() / np.sqrt(len(gains))),
        train_rows,
        len(dev_targets),
    )


def _sample(split: TokenizedSplit, most_texts: int, most_tokens: int) -> np.ndarray:
    """Returns the numbers of the first texts with a label, up to so many texts and tokens."""
    rows = np.flatnonzero(np.asarray(split.targets) >= 0)[:most_texts]
    return rows[: int(np.searchsorted(np.cumsum(split.texts.lengths[rows]), most_tokens, side="right"))]
