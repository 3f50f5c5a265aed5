"""Metrics of a classifier: scores, intervals, thresholds, calibration.

Arrays go in, frozen records that JSON can hold come out; nothing here knows of models or files. A quotient
whose divisor is zero (the precision of a class that was never predicted) is 0, as scikit-learn's
`zero_division=0` has it, and nothing warns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfapp.core.array_types import Bools, Floats, Ints
from tfapp.errors import TrainingError

__all__ = [
    "CalibrationCurve",
    "Measure",
    "Scores",
    "accuracy",
    "accuracy_interval",
    "binary_cross_entropy",
    "calibration_curve",
    "check_finite",
    "class_means",
    "class_scores",
    "confusion_matrix",
    "cross_entropy",
    "divide",
    "f1_interval",
    "fit_thresholds",
    "macro_f1_shares",
    "macro_note",
    "mean_scores",
    "percentiles",
]

_EPSILON = 1e-7  # Keras clips probabilities at this before it takes a logarithm.


def check_finite(answers: NDArray[Any], rows: Sequence[int], noun: str) -> None:
    """Checks that all of a model's answers are numbers.

    Args:
        answers: float[N, ...].
        rows: The N row numbers in their data.
        noun: What an answer is, such as "score".

    Raises:
        TrainingError: One is not; names its row.
    """
    finite = np.isfinite(answers).all(axis=tuple(range(1, answers.ndim)))
    if not finite.all():
        row = rows[int(np.argmin(finite))]
        raise TrainingError(f"row {row}: the {noun} is not a number; lower training.learning_rate and train again")


@dataclass(frozen=True)
class Scores:
    """Precision, recall and F1 of one class, or a mean over classes; `support` counts its true rows."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Measure:
    """A measure of a model's answers.

    Attributes:
        name: Its name, such as "nDCG@10".
        value: 0..1, higher is better; of a regression's errors in the unit of the data, lower is better.
        interval: Its 95 % interval, by a bootstrap over rows or queries.
    """

    name: str
    value: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class CalibrationCurve:
    """Shows how far probabilities can be believed (Guo et al., "On Calibration of Modern Neural Networks", 2017).

    The bins divide 0..1 evenly; a bin holds its upper edge. An empty bin has confidence and accuracy 0.

    Attributes:
        error: Expected calibration error, the mean of |accuracy - confidence| weighted by counts, 0..1.
        counts: Decisions a bin.
        confidence: Mean probability a bin.
        accuracy: Share of the bin's decisions that were right.
    """

    error: float
    counts: tuple[int, ...]
    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]


def accuracy(correct: Bools) -> float:
    """Returns the share of bool[N] that is true; 0 where N is 0."""
    return float(np.count_nonzero(correct) / max(len(correct), 1))


def accuracy_interval(
    correct: Bools, *, seed: int = 0, resamples: int = 1000, level: float = 0.95
) -> tuple[float, float]:
    """Returns the percentile bootstrap interval of an accuracy (Efron, "Bootstrap Methods", 1979); (0, 1) without rows.

    Drawing N of N rows with replacement and counting the right ones is one draw from a binomial distribution,
    so no row is drawn: the answer is the bootstrap's own, at any N, in the time of `resamples` draws. Where all rows
    are right, or all wrong, no draw would differ; there the interval is the exact one of Clopper and Pearson (1934).
    """
    count, hits = len(correct), np.count_nonzero(correct)
    if count == 0:
        return 0.0, 1.0
    farthest = 1 - ((1 - level) / 2) ** (1 / count)
    if hits in (0, count):
        return (1 - farthest, 1.0) if hits else (0.0, farthest)
    rng = np.random.default_rng(seed)
    return percentiles(rng.binomial(count, hits / count, resamples) / count, level)


def f1_interval(row_counts: Ints, *, seed: int = 0, resamples: int = 1000, level: float = 0.95) -> tuple[float, float]:
    """Returns the percentile bootstrap interval of micro F1 over rows (texts), as `accuracy_interval`.

    `row_counts`, int[N, 3], are the true positives, false positives and false negatives of each row.
    """
    count = len(row_counts)
    if count == 0:
        return 0.0, 1.0
    kinds, times = np.unique(row_counts, axis=0, return_counts=True)
    totals = np.random.default_rng(seed).multinomial(count, times / count, resamples) @ kinds
    double_hits = 2.0 * totals[:, 0]
    return percentiles(divide(double_hits, double_hits + totals[:, 1] + totals[:, 2]), level)


def fit_thresholds(targets: Bools, probabilities: NDArray[Any]) -> Floats:
    """Chooses for each label the threshold with the best F1; a label is chosen at or above its threshold.

    A threshold lies half way between two neighbouring probabilities. Of several that are equally good, the one
    nearest to 0.5 is taken, and the higher one of two that are equally near. A label without a positive row gets 0.5.

    Args:
        targets: bool[N, K], on rows that the model was not trained on.
        probabilities: float[N, K].

    Returns:
        float[K].
    """
    return np.array([_fit_threshold(targets[:, k], probabilities[:, k]) for k in range(targets.shape[1])], float)


def calibration_curve(confidence: Floats, correct: Bools, bins: int = 15) -> CalibrationCurve:
    """Compares the probabilities given to decisions, float[N], with the share of them that was right, by even bins.

    There are 15 bins as in the paper; the expected calibration error is 0 where N is 0.
    """
    bin_numbers = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    counts = np.bincount(bin_numbers, minlength=bins)
    mean = divide(np.bincount(bin_numbers, confidence, bins), counts)
    accuracy = divide(np.bincount(bin_numbers, correct.astype(float), bins), counts)
    error = float(np.sum(counts * np.abs(accuracy - mean)) / max(len(confidence), 1))
    return CalibrationCurve(error, tuple(counts.tolist()), tuple(mean.tolist()), tuple(accuracy.tolist()))


def confusion_matrix(targets: Ints, predictions: Ints, size: int) -> Ints:
    """Counts int[size, size]: the row is the truth, the column the prediction."""
    return np.bincount(targets * size + predictions, minlength=size * size).reshape(size, size).astype(np.int64)


def class_scores(labels: Sequence[str], hits: Ints, extra: Ints, misses: Ints) -> tuple[Scores, ...]:
    """Returns the scores of each class from int[K] true positives, false positives and false negatives."""
    precision, recall = divide(hits, hits + extra), divide(hits, hits + misses)
    f1 = divide(2 * hits, 2 * hits + extra + misses)
    columns = (precision.tolist(), recall.tolist(), f1.tolist(), (hits + misses).tolist())
    return tuple(Scores(name, p, r, f, n) for name, p, r, f, n in zip(labels, *columns, strict=True))


def mean_scores(classes: Sequence[Scores], hits: Ints, extra: Ints, misses: Ints) -> tuple[Scores, Scores, Scores]:
    """Returns the micro mean (over decisions), and the means of `class_means`."""
    sums = [np.array([part.sum()]) for part in (hits, extra, misses)]
    micro = class_scores(["micro"], *sums)[0]
    return micro, *class_means(classes)


def class_means(classes: Sequence[Scores]) -> tuple[Scores, Scores]:
    """Returns the macro mean (over the classes with support, 0 without such) and the weighted mean (by support).

    A class that is met nowhere has no recall: counted as 0, it would tell of the rows and not of the model.
    """
    with_support = [row for row in classes if row.support]
    table = np.array([(row.precision, row.recall, row.f1) for row in with_support], float).reshape(-1, 3)
    weights = np.array([row.support for row in with_support], float)
    total = weights.sum()
    means = {"macro": table.sum(axis=0) / max(len(table), 1), "weighted": weights @ table / max(total, 1.0)}
    macro, weighted_mean = (Scores(n, float(m[0]), float(m[1]), float(m[2]), int(total)) for n, m in means.items())
    return macro, weighted_mean


def macro_f1_shares(truth: Bools, predictions: Bools) -> Floats:
    """Returns the shares float64[N] of rows in the macro F1 over the classes with support, which is their mean.

    They are linear in the counts of a row: what it adds to a class's F1 = 2 TP / (2 TP + FP + FN), to the first order
    (the infinitesimal jackknife, Jaeckel 1972). So a paired test can be made of them.

    Args:
        truth: bool[N, K], the classes of each row.
        predictions: bool[N, K], those that were predicted.
    """

    def row_sums(mask: Bools, weights: Floats) -> Floats:
        # Few of many classes are set in a row.
        rows, columns = np.nonzero(mask)
        return np.bincount(rows, weights[columns], minlength=len(mask)).astype(np.float64)

    hits, support = truth & predictions, truth.sum(axis=0)
    totals = support + predictions.sum(axis=0)
    f1 = divide(2 * hits.sum(axis=0), totals)
    # Of a row in the mean over the classes with support.
    weights = divide(len(truth) * (support > 0), totals * max(np.count_nonzero(support), 1))
    change = row_sums(hits, 2 * weights) - row_sums(truth, f1 * weights) - row_sums(predictions, f1 * weights)
    return f1[support > 0].sum() / max(np.count_nonzero(support), 1) + change


def macro_note(macro: Scores, classes: Sequence[Scores], noun: str) -> str:
    """Returns the note behind a macro mean that leaves classes out; empty where it leaves out none."""
    with_support = [row for row in classes if row.support]
    # Means of before counted classes that are met nowhere as 0.
    if len(with_support) in (0, len(classes)) or not math.isclose(macro.f1, class_means(classes)[0].f1):
        return ""
    return f" (over {len(with_support)} of {len(classes)} {noun}, as these texts have none of the others)"


def cross_entropy(targets: Ints, probabilities: Floats) -> float:
    """Returns the mean of -log of the probability given to the truth, in nats; 0 where there are no rows."""
    truths = probabilities[np.arange(len(targets)), targets]
    return float(-np.log(np.clip(truths, _EPSILON, 1.0)).sum() / max(len(targets), 1))


def binary_cross_entropy(targets: Bools | Floats, probabilities: Floats) -> float:
    """Returns the mean cross-entropy against each label's truth, or share of truth 0..1, in nats; 0 without rows."""
    positive, negative = (np.log(np.clip(shares, _EPSILON, 1.0)) for shares in (probabilities, 1.0 - probabilities))
    return float(-(targets * positive + (1.0 - targets) * negative).sum() / max(targets.size, 1))


def _fit_threshold(truth: Bools, probability: NDArray[Any]) -> float:
    if not truth.any():
        return 0.5
    scores, score_numbers = np.unique(probability.astype(float), return_inverse=True)
    positives = np.bincount(score_numbers, truth.astype(float), len(scores))
    hits = np.cumsum(positives[::-1])[::-1]
    positive_counts = np.cumsum(np.bincount(score_numbers, minlength=len(scores))[::-1])[::-1]
    f1 = 2 * hits / (positive_counts + truth.sum())
    middles = (scores + np.concatenate([[0.0], scores[:-1]])) / 2
    best = middles[np.isclose(f1, f1.max(), rtol=0, atol=1e-12)]
    return float(max(best, key=lambda threshold: (-abs(threshold - 0.5), threshold)))


def percentiles(values: Floats, level: float = 0.95) -> tuple[float, float]:
    """Returns the ends of the interval that holds the middle `level` of bootstrap values float[R]."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def divide(numerator: NDArray[Any], denominator: NDArray[Any]) -> Floats:
    """Returns the quotient, 0 where the divisor is 0."""
    return np.divide(
        numerator, denominator, out=np.zeros(np.shape(numerator), float), where=np.asarray(denominator) != 0
    )
