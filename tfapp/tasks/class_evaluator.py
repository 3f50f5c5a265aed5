"""Evaluates classes, of texts and of pairs."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfapp.evaluation import Evaluation
from tfapp.evaluation.evaluate_classes import UnknownScores, evaluate_classes, evaluate_multi_label
from tfapp.evaluation.metrics import fit_thresholds
from tfapp.models import TaskModel
from tfapp.models.classes import ClassificationModel
from tfapp.tasks.spec import Evaluator
from tfapp.training import TokenizedSplit
from tfapp.training.unknown import fit_unknown

__all__ = ["ClassEvaluator"]


class ClassEvaluator(Evaluator):
    """Evaluates classes; several at once by thresholds."""

    def fit(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> None:
        """See `Evaluator.fit`."""
        assert isinstance(model, ClassificationModel)
        if model.unknown and model.unknown.measures:
            model.unknown = fit_unknown(model.unknown, logits, split.targets)
        if model.multi_label:
            probabilities = model.probabilities(tf.constant(logits)).numpy()
            model.thresholds = tuple(float(value) for value in fit_thresholds(split.targets > 0, probabilities))

    def evaluate(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> Evaluation:
        """See `Evaluator.evaluate`."""
        assert isinstance(model, ClassificationModel)
        probabilities = model.probabilities(tf.constant(logits)).numpy()
        rows = split.rows.tolist()
        if model.multi_label:
            thresholds = np.asarray(model.thresholds, np.float32)
            return evaluate_multi_label(
                model.labels, split.targets > 0, probabilities, thresholds, texts=split.raw, rows=rows
            )
        unknown = UnknownScores(model.unknown.label, model.unknown.scores(logits).numpy()) if model.unknown else None
        return evaluate_classes(model.labels, split.targets, probabilities, unknown=unknown, texts=split.raw, rows=rows)
