"""Evaluates a classifier, of texts or of pairs, from its logits to its evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy.stats import binomtest

from tfapp.evaluation import Evaluation, metrics
from tfapp.evaluation.calibration import CalibrationReport, Reliability, expected_calibration_error
from tfapp.evaluation.class_evaluation import ClassEvaluation, ConfusedPair, Mistake
from tfapp.evaluation.metrics import check_finite, fit_thresholds
from tfapp.evaluation.precision_recall import precision_recall
from tfapp.evaluation.row_answers import AnsweredRow, RowAnswers
from tfapp.evaluation.tables import shorten
from tfapp.models import TaskModel
from tfapp.models.classes import ClassificationModel
from tfapp.models.temperature_scaling import TemperatureScaling
from tfapp.models.unknown import Unknown
from tfapp.tasks.spec import Evaluator
from tfapp.training import TokenizedSplit
from tfapp.training.temperature import fit_class_temperature, fit_label_temperatures, fit_scaling
from tfapp.training.unknown_limit import fit_unknown

__all__ = ["ClassEvaluator", "UnknownScores", "evaluate_classes", "evaluate_multi_label"]

_MISTAKES = 20
_CONFUSIONS = 10
_EXAMPLES = 2


class ClassEvaluator(Evaluator):
    """Evaluates classes; several at once by thresholds."""

    def fit(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> None:
        """Fits the thresholds of the answers; see `Evaluator.fit`."""
        assert isinstance(model, ClassificationModel)
        if model.unknown and model.unknown.measures:
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


@dataclass(frozen=True)
class UnknownScores:
    """The certainty of a classifier that none of its labels fits.

    Attributes:
        label: What it answers then.
        values: float[N]; it does from 0.5 on.
        method: How it measures, why, and what its limit does on dev.
    """

    label: str
    values: NDArray[np.floating[Any]]
    method: str = ""


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


def evaluate_classes(
    labels: Sequence[str],
    targets: NDArray[np.integer[Any]],
    probabilities: NDArray[np.floating[Any]],
    *,
    unknown: UnknownScores | None = None,
    texts: Sequence[str],
    rows: Sequence[int] | None = None,
) -> ClassEvaluation:
    """Scores answers of which exactly one label is right.

    Args:
        labels: The K classes.
        targets: int[N], the index of each text's label; -1 where none is right, which needs `unknown`.
        probabilities: float[N, K].
        unknown: Of a classifier that may say so; its label is one class more then.
        texts: The N texts.
        rows: The N row numbers of the texts in their data.

    Returns:
        The evaluation.

    Raises:
        TrainingError: A probability is not a number.
        ValueError: The shapes do not belong together.
    """
    index, scores = np.asarray(targets, np.int64), np.asarray(probabilities, np.float64)
    _check(index.shape, (len(texts),), scores, (len(texts), len(labels)))
    check_finite(scores, rows or range(len(texts)), "probability")
    index, scores, predicted = _with_unknown(index, scores, unknown)
    labels = [*labels, unknown.label] if unknown else labels
    top = scores[np.arange(len(scores)), predicted]
    truth, answer_mask = (one[:, None] == np.arange(len(labels)) for one in (index, predicted))
    answers = _Answers(labels, truth, answer_mask, scores)
    correct = predicted == index
    interval = metrics.accuracy_interval(correct)
    mistakes = np.flatnonzero(~correct)
    worst_rows = mistakes[np.argsort(-top[mistakes], kind="stable")][:_MISTAKES]
    return ClassEvaluation(
        multi_label=False,
        loss=metrics.cross_entropy(index, scores),
        accuracy=metrics.accuracy(correct),
        accuracy_interval=interval,
        main_interval=interval,
        calibration=metrics.calibrate(top, correct),
        confusion=tuple(map(tuple, metrics.confusion_matrix(index, predicted, len(labels)).tolist())),
        thresholds=None,
        mistake_count=len(mistakes),
        wrong_rows=tuple(mistakes.tolist()),
        mistakes=answers.mistakes(worst_rows, predicted, texts, rows),
        confused=tuple(_confused_pairs(labels, index, predicted, texts)),
        unknown=unknown.label if unknown else None,
        unknown_method=unknown.method if unknown else "",
        answers=answers.rows(np.stack([correct, np.ones(len(correct))], axis=1), texts, rows),
        **answers.scores(),
    )


def _with_unknown(
    index: NDArray[np.int64], scores: NDArray[np.float64], unknown: UnknownScores | None
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Returns targets, probabilities and predictions with "none of these" as one class more, if there is such."""
    predicted = scores.argmax(axis=1)
    if unknown is None:
        return index, scores, predicted
    last = scores.shape[1]
    columns = np.column_stack([scores, unknown.values])
    return np.where(index < 0, last, index), columns, np.where(unknown.values >= 0.5, last, predicted)


def _report(
    model: ClassificationModel, logits: np.ndarray, targets: np.ndarray, unknown: UnknownScores | None
) -> CalibrationReport:
    """Returns what the model's temperatures do on N rows of logits float[N, K]."""

    def measure(scaling: TemperatureScaling) -> Reliability:
        scores = model.probabilities(tf.constant(logits), scaling).numpy().astype(np.float64)
        if model.multi_label:
            truths = targets > 0
            return Reliability(expected_calibration_error(scores, truths), metrics.binary_cross_entropy(truths, scores))
        index, scores, predicted = _with_unknown(targets, scores, unknown)
        top = scores[np.arange(len(scores)), predicted]
        error = expected_calibration_error(top[:, None], (predicted == index)[:, None])
        return Reliability(error, metrics.cross_entropy(index, scores))

    scaling = model.calibration
    before = measure(TemperatureScaling()) if scaling.rows else None
    return CalibrationReport(scaling.temperatures, scaling.rows, scaling.reason, measure(scaling), before)


def _confused_pairs(
    labels: Sequence[str], truth: NDArray[np.int64], predicted: NDArray[np.int64], texts: Sequence[str]
) -> Iterator[ConfusedPair]:
    """Yields the most frequent confusions, each with its first texts."""
    mistakes = np.flatnonzero(truth != predicted)
    pairs, owners, counts = np.unique(
        np.stack([truth[mistakes], predicted[mistakes]], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    for pair in np.argsort(-counts, kind="stable")[:_CONFUSIONS].tolist():
        rows = mistakes[owners.ravel() == pair][:_EXAMPLES].tolist()
        names = [labels[number] for number in pairs[pair].tolist()]
        yield ConfusedPair(names[0], names[1], int(counts[pair]), tuple(shorten(texts[row]) for row in rows))


def evaluate_multi_label(
    labels: Sequence[str],
    targets: NDArray[np.bool_],
    probabilities: NDArray[np.floating[Any]],
    thresholds: NDArray[np.floating[Any]],
    *,
    texts: Sequence[str],
    rows: Sequence[int] | None = None,
) -> ClassEvaluation:
    """Scores answers of which any number of labels may be right; what is not named here is as in `evaluate_classes`.

    Args:
        labels: The K labels.
        targets: bool[N, K].
        probabilities: float[N, K].
        thresholds: float[K], a label is given at or above its threshold; see `metrics.fit_thresholds`.
        texts: The N texts.
        rows: Their row numbers.
    """
    truth, scores = np.asarray(targets, bool), np.asarray(probabilities, np.float64)
    _check(truth.shape, (len(texts), len(labels)), scores, (len(texts), len(labels)))
    check_finite(scores, rows or range(len(texts)), "probability")
    limits = np.asarray(thresholds, np.float64)
    answer_mask = scores >= limits
    answers = _Answers(labels, truth, answer_mask, scores)
    correct = (truth == answer_mask).all(axis=1)
    # How far each wrong label's probability is from its truth; a label that is right is never the one to blame.
    distance = np.where(truth != answer_mask, np.abs(truth - scores), -1.0)
    mistakes = np.flatnonzero(~correct)
    worst_rows = mistakes[np.argsort(-distance.max(axis=1, initial=-1.0)[mistakes], kind="stable")][:_MISTAKES]
    row_counts = np.stack([truth & answer_mask, answer_mask & ~truth, truth & ~answer_mask], axis=1).sum(axis=2)
    return ClassEvaluation(
        multi_label=True,
        loss=metrics.binary_cross_entropy(truth, scores),
        accuracy=metrics.accuracy(correct),
        accuracy_interval=metrics.accuracy_interval(correct),
        main_interval=metrics.f1_interval(row_counts),
        calibration=metrics.calibrate(scores.ravel(), truth.ravel()),
        confusion=None,
        thresholds=tuple(limits.tolist()),
        mistake_count=len(mistakes),
        mistakes=answers.mistakes(worst_rows, distance.argmax(axis=1), texts, rows),
        answers=answers.rows(row_counts @ np.array([[2, 2], [0, 1], [0, 1]]), texts, rows),
        **answers.scores(),
    )


@dataclass(frozen=True)
class _Answers:
    """The truths and choices, bool[N, K], from which both kinds of data compute alike."""

    labels: Sequence[str]
    truth: NDArray[np.bool_]
    chosen: NDArray[np.bool_]
    probabilities: NDArray[np.float64]

    def scores(self) -> dict[str, Any]:
        """Returns all scores."""
        truth, answer_mask, names = self.truth, self.chosen, self.labels
        counts = [part.sum(axis=0) for part in (truth & answer_mask, answer_mask & ~truth, truth & ~answer_mask)]
        classes = metrics.class_scores(names, *counts)
        curves = tuple(precision_recall(name, truth[:, k], self.probabilities[:, k]) for k, name in enumerate(names))
        means = zip(("micro", "macro", "weighted"), metrics.mean_scores(classes, *counts), strict=True)
        return {"labels": tuple(names), "count": len(truth), "classes": classes, "curves": curves, **dict(means)}

    def mistakes(
        self, worst_rows: NDArray[np.intp], columns: NDArray[np.intp], texts: Sequence[str], rows: Sequence[int] | None
    ) -> tuple[Mistake, ...]:
        return tuple(
            Mistake(
                text=shorten(texts[at]),
                truth=self._names(self.truth[at]),
                predicted=self._names(self.chosen[at]),
                label=self.labels[int(columns[at])],
                probability=float(self.probabilities[at, columns[at]]),
                row=None if rows is None else int(rows[at]),
            )
            for at in worst_rows.tolist()
        )

    def rows(self, terms: NDArray[Any], texts: Sequence[str], rows: Sequence[int] | None) -> RowAnswers:
        """Returns the answers to the N rows, with their terms [N, 2]; see `RowAnswers`."""

        def describe(at: int) -> AnsweredRow:
            truth, answer = (", ".join(self._names(mask[at])) for mask in (self.truth, self.chosen))
            return AnsweredRow(texts[at], truth, answer)

        numbers = np.arange(len(texts)) if rows is None else np.asarray(rows)
        right = (self.truth == self.chosen).all(axis=1)
        measures = {"macro_f1": metrics.macro_f1_shares(self.truth, self.chosen)}
        return RowAnswers(terms.astype(np.float64), describe, numbers, right, measures=measures)

    def _names(self, mask: NDArray[np.bool_]) -> tuple[str, ...]:
        return tuple(self.labels[k] for k in np.flatnonzero(mask).tolist())


def _check(
    shape: tuple[int, ...], expected_shape: tuple[int, ...], probabilities: NDArray[np.float64], size: tuple[int, int]
) -> None:
    if shape != expected_shape or probabilities.shape != size:
        raise ValueError(
            f"expected targets {expected_shape} and probabilities {size}, got {shape} and {probabilities.shape}"
        )
