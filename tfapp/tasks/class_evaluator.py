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
from tfapp.training import Side
from tfapp.training.unknown import fit_unknown

__all__ = ["ClassEvaluator"]


class ClassEvaluator(Evaluator):
    """Evaluates classes; several at once by thresholds."""

    def fit(self, model: TaskModel, logits: np.ndarray, side: Side) -> None:
        """See `Evaluator.fit`."""
        assert isinstance(model, ClassificationModel)
        if model.unknown and model.unknown.measures:
            model.unknown = fit_unknown(model.unknown, logits, side.targets)
        if model.multi_label:
            probabilities = model.probabilities(tf.constant(logits)).numpy()
            model.thresholds = tuple(float(value) for value in fit_thresholds(side.targets > 0, probabilities))

    def evaluate(self, model: TaskModel, logits: np.ndarray, side: Side) -> Evaluation:
        """See `Evaluator.evaluate`."""
        assert isinstance(model, ClassificationModel)
        probabilities = model.probabilities(tf.constant(logits)).numpy()
        rows = side.rows.tolist()
        if model.multi_label:
            thresholds = np.asarray(model.thresholds, np.float32)
            return evaluate_multi_label(
                model.labels, side.targets > 0, probabilities, thresholds, texts=side.raw, rows=rows
            )
        unknown = UnknownScores(model.unknown.label, model.unknown.scores(logits).numpy()) if model.unknown else None
        return evaluate_classes(model.labels, side.targets, probabilities, unknown=unknown, texts=side.raw, rows=rows)
