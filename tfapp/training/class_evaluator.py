"""Evaluates a classifier, of texts or of pairs, from its logits to its evaluation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tensorflow as tf
from scipy.stats import binomtest

from tfapp.evaluation import Evaluation, metrics
from tfapp.evaluation.calibration_report import CalibrationReport, Reliability, expected_calibration_error
from tfapp.evaluation.class_scores import UnknownScores, evaluate_classes, evaluate_multi_label, with_unknown
from tfapp.evaluation.metrics import fit_thresholds
from tfapp.models import TaskModel
from tfapp.models.classes import ClassificationModel
from tfapp.models.temperature_scaling import TemperatureScaling
from tfapp.models.unknown import Unknown
from tfapp.training.evaluator import Evaluator
from tfapp.training.temperature_fit import fit_class_temperature, fit_label_temperatures, fit_scaling
from tfapp.training.tokenized_split import TokenizedSplit
from tfapp.training.unknown_fit import fit_unknown

__all__ = ["ClassEvaluator"]


class ClassEvaluator(Evaluator):
    """Evaluates classes; several at once by thresholds."""

    def fit(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> None:
        """Fits the thresholds of the answers; see `Evaluator.fit`."""
        assert isinstance(model, ClassificationModel)
        if model.unknown and model.unknown.can_score:
            model.unknown = fit_unknown(model.unknown, logits, split.targets)
        if model.multi_label:
            probabilities = model.probabilities(tf.constant(logits)).numpy()
            model.thresholds = tuple(float(value) for value in fit_thresholds(split.targets > 0, probabilities))

    def evaluate(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> Evaluation:
        """Evaluates the logits; see `Evaluator.evaluate`."""
        assert isinstance(model, ClassificationModel)
        probabilities = model.probabilities(tf.constant(logits)).numpy()
        rows, texts = split.rows.tolist(), split.raw_texts
        unknown = None
        if model.multi_label:
            truths, thresholds = split.targets > 0, np.asarray(model.thresholds, np.float32)
            evaluation = evaluate_multi_label(model.labels, truths, probabilities, thresholds, texts=texts, rows=rows)
        else:
            if model.unknown:
                scores = model.unknown.scores(logits).numpy()
                unknown = UnknownScores(model.unknown.label, scores, _describe_unknown(model.unknown))
            evaluation = evaluate_classes(
                model.labels, split.targets, probabilities, unknown=unknown, texts=texts, rows=rows
            )
        return replace(evaluation, calibration_report=_report(model, logits, split.targets, unknown))

    def fit_temperatures(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> TemperatureScaling:
        """Fits the temperatures, on the rows that belong to a label."""
        assert isinstance(model, ClassificationModel)
        if model.multi_label:
            return fit_scaling(len(logits), lambda: fit_label_temperatures(logits, split.targets > 0))
        mask = split.targets >= 0
        return fit_scaling(int(mask.sum()), lambda: (fit_class_temperature(logits[mask], split.targets[mask]),))


def _describe_unknown(unknown: Unknown) -> str:
    """Returns how "none of these" is decided, why so, and how the promise of `model.unknown_share` stands on dev."""
    if not unknown.known:
        return ""
    low, high = binomtest(unknown.refused, unknown.known).proportion_ci()
    reason = unknown.reason or "as model.unknown_by says"
    return (
        f"by {unknown.by}, {reason}; its limit refuses {unknown.refused:,} of the {unknown.known:,} known texts of dev "
        f"({100 * unknown.refused / unknown.known:.1f}\u202f%, 95\u202f% interval "
        f"{100 * low:.1f} to {100 * high:.1f}\u202f%), for a model.unknown_share of {100 * unknown.share:g}\u202f%"
    )


def _report(
    model: ClassificationModel, logits: np.ndarray, targets: np.ndarray, unknown: UnknownScores | None
) -> CalibrationReport:
    """Returns how well the model is calibrated on N rows of logits float[N, K], with its temperatures and without."""

    def reliability(scaling: TemperatureScaling) -> Reliability:
        scores = model.probabilities(tf.constant(logits), scaling).numpy().astype(np.float64)
        if model.multi_label:
            truths = targets > 0
            return Reliability(expected_calibration_error(scores, truths), metrics.binary_cross_entropy(truths, scores))
        index, scores, predictions = with_unknown(targets, scores, unknown)
        top = scores[np.arange(len(scores)), predictions]
        error = expected_calibration_error(top[:, None], (predictions == index)[:, None])
        return Reliability(error, metrics.cross_entropy(index, scores))

    scaling = model.calibration
    before = reliability(TemperatureScaling()) if scaling.rows else None
    return CalibrationReport(scaling.temperatures, scaling.rows, scaling.reason, reliability(scaling), before)
