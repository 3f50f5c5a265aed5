"""Scores the probabilities of classes against the labels, of rows with one label or with several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfapp.evaluation import metrics
from tfapp.evaluation.class_evaluation import ClassEvaluation, ConfusedPair, Mistake
from tfapp.evaluation.metrics import check_finite
from tfapp.evaluation.precision_recall import precision_recall
from tfapp.evaluation.row_answers import AnsweredRow, RowAnswers
from tfapp.evaluation.tables import truncate_text

__all__ = ["UnknownScores", "evaluate_classes", "evaluate_multi_label", "with_unknown"]

_MISTAKES = 20
_CONFUSIONS = 10
_EXAMPLES = 2


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
    index, scores, predictions = with_unknown(index, scores, unknown)
    labels = [*labels, unknown.label] if unknown else labels
    top = scores[np.arange(len(scores)), predictions]
    truth, answer_mask = (numbers[:, None] == np.arange(len(labels)) for numbers in (index, predictions))
    answers = _Answers(labels, truth, answer_mask, scores)
    correct = predictions == index
    interval = metrics.accuracy_interval(correct)
    mistakes = np.flatnonzero(~correct)
    worst_rows = mistakes[np.argsort(-top[mistakes], kind="stable")][:_MISTAKES]
    return ClassEvaluation(
        multi_label=False,
        loss=metrics.cross_entropy(index, scores),
        accuracy=metrics.accuracy(correct),
        accuracy_interval=interval,
        main_interval=interval,
        calibration=metrics.calibration_curve(top, correct),
        confusion=tuple(map(tuple, metrics.confusion_matrix(index, predictions, len(labels)).tolist())),
        thresholds=None,
        mistake_count=len(mistakes),
        wrong_rows=tuple(mistakes.tolist()),
        mistakes=answers.mistakes(worst_rows, predictions, texts, rows),
        confused=tuple(_confused_pairs(labels, index, predictions, texts)),
        unknown=unknown.label if unknown else None,
        unknown_method=unknown.method if unknown else "",
        answers=answers.rows(np.stack([correct, np.ones(len(correct))], axis=1), texts, rows),
        **answers.scores(),
    )


def with_unknown(
    index: NDArray[np.int64], scores: NDArray[np.float64], unknown: UnknownScores | None
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Returns targets, probabilities and predictions with "none of these" as one class more, if there is such."""
    predictions = scores.argmax(axis=1)
    if unknown is None:
        return index, scores, predictions
    last = scores.shape[1]
    columns = np.column_stack([scores, unknown.values])
    return np.where(index < 0, last, index), columns, np.where(unknown.values >= 0.5, last, predictions)


def _confused_pairs(
    labels: Sequence[str], truth: NDArray[np.int64], predictions: NDArray[np.int64], texts: Sequence[str]
) -> Iterator[ConfusedPair]:
    """Yields the most frequent confusions, each with its first texts."""
    mistakes = np.flatnonzero(truth != predictions)
    pairs, owners, counts = np.unique(
        np.stack([truth[mistakes], predictions[mistakes]], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    for pair in np.argsort(-counts, kind="stable")[:_CONFUSIONS].tolist():
        rows = mistakes[owners.ravel() == pair][:_EXAMPLES].tolist()
        names = [labels[number] for number in pairs[pair].tolist()]
        yield ConfusedPair(names[0], names[1], int(counts[pair]), tuple(truncate_text(texts[row]) for row in rows))


def evaluate_multi_label(
    labels: Sequence[str],
    targets: NDArray[np.bool_],
    probabilities: NDArray[np.floating[Any]],
    thresholds: NDArray[np.floating[Any]],
    *,
    texts: Sequence[str],
    rows: Sequence[int] | None = None,
) -> ClassEvaluation:
    """Scores answers of which any number of labels may be right; all else is as in `evaluate_classes`.

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
        calibration=metrics.calibration_curve(scores.ravel(), truth.ravel()),
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
                text=truncate_text(texts[index]),
                truth=self._names(self.truth[index]),
                predicted=self._names(self.chosen[index]),
                label=self.labels[int(columns[index])],
                probability=float(self.probabilities[index, columns[index]]),
                row=None if rows is None else int(rows[index]),
            )
            for index in worst_rows.tolist()
        )

    def rows(self, terms: NDArray[Any], texts: Sequence[str], rows: Sequence[int] | None) -> RowAnswers:
        """Returns the answers to the N rows, with their terms [N, 2]; see `RowAnswers`."""

        def describe(index: int) -> AnsweredRow:
            truth, answer = (", ".join(self._names(mask[index])) for mask in (self.truth, self.chosen))
            return AnsweredRow(texts[index], truth, answer)

        numbers = np.arange(len(texts)) if rows is None else np.asarray(rows)
        is_correct = (self.truth == self.chosen).all(axis=1)
        measures = {"macro_f1": metrics.macro_f1_shares(self.truth, self.chosen)}
        return RowAnswers(terms.astype(np.float64), describe, numbers, is_correct, measures=measures)

    def _names(self, mask: NDArray[np.bool_]) -> tuple[str, ...]:
        return tuple(self.labels[k] for k in np.flatnonzero(mask).tolist())


def _check(
    shape: tuple[int, ...], expected_shape: tuple[int, ...], probabilities: NDArray[np.float64], size: tuple[int, int]
) -> None:
    if shape != expected_shape or probabilities.shape != size:
        raise ValueError(
            f"expected targets {expected_shape} and probabilities {size}, got {shape} and {probabilities.shape}"
        )
