"""Evaluates a regression, from its logits to its evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfapp.data import normalize_text
from tfapp.evaluation import Evaluation
from tfapp.evaluation.metrics import check_finite
from tfapp.evaluation.row_answers import AnsweredRow, RowAnswers
from tfapp.evaluation.tables import truncate_text
from tfapp.models import TaskModel
from tfapp.tasks.regression.evaluation_result import RegressionEvaluation, ResidualRange, WorstRow
from tfapp.tasks.regression.metrics import measure_numbers
from tfapp.tasks.regression.model import TextRegressor
from tfapp.training import TokenizedSplit
from tfapp.training.evaluator import Evaluator

__all__ = ["RegressionEvaluator", "evaluate_numbers"]

_RANGES: Final = 8
# A range has about so many rows, or there are fewer ranges.
_ROWS_A_RANGE: Final = 10
_POINTS: Final = 2000
_WORST: Final = 20


class RegressionEvaluator(Evaluator):
    """Evaluates predicted numbers; the pairs of a query count as not independent."""

    def evaluate(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> Evaluation:
        """Evaluates the logits; see `Evaluator.evaluate`."""
        assert isinstance(model, TextRegressor)
        groups = split.columns.get("group")
        return evaluate_numbers(
            np.asarray(split.columns["label"], np.float64),
            model.scores(tf.constant(logits)).numpy(),
            deviation=model.deviation,
            texts=split.raw_texts,
            rows=split.rows.tolist(),
            # As the split compares them.
            groups=None if groups is None else [normalize_text(group) for group in groups],
        )


def evaluate_numbers(
    truth: NDArray[Any],
    predictions: NDArray[Any],
    *,
    deviation: float,
    texts: Sequence[str],
    rows: Sequence[int],
    groups: Sequence[str] | None = None,
) -> RegressionEvaluation:
    """Evaluates predicted numbers.

    Args:
        truth: float[N].
        predictions: float[N].
        deviation: The standard deviation of train's numbers.
        texts: The N rows' texts, each as one.
        rows: The N row numbers in their data.
        groups: What tells apart groups of rows that hang together; None: each row is one.

    Returns:
        The evaluation.

    Raises:
        TrainingError: A prediction is not a number.
    """
    targets, scores = np.asarray(truth, np.float64), np.asarray(predictions, np.float64)
    check_finite(scores, rows, "score")
    codes = np.arange(len(targets)) if groups is None else np.unique(np.asarray(groups, str), return_inverse=True)[1]
    measures = measure_numbers(targets, scores, codes)
    worst_rows = np.argsort(-np.abs(scores - targets), kind="stable")[:_WORST].tolist()
    sample = np.sort(np.random.default_rng(0).permutation(len(targets))[:_POINTS])
    return RegressionEvaluation(
        count=len(targets),
        loss=float(np.mean(((scores - targets) / deviation) ** 2)) if len(targets) else 0.0,
        deviation=deviation,
        main_interval=measures[0].interval if measures else (0.0, 0.0),
        measures=measures,
        ranges=_ranges(targets, scores - targets),
        points=tuple(zip(targets[sample].tolist(), scores[sample].tolist(), strict=True)),
        worst=tuple(
            WorstRow(truncate_text(texts[n]), float(targets[n]), float(scores[n]), int(rows[n])) for n in worst_rows
        ),
        answers=RowAnswers(
            np.stack([(scores - targets) ** 2, np.ones(len(targets))], axis=1),
            lambda index: AnsweredRow(texts[index], f"{targets[index]:.6g}", f"{scores[index]:.6g}"),
            np.asarray(rows),
            groups=None if groups is None else codes,
            square_root=True,
        ),
    )


def _ranges(truth: NDArray[np.float64], residuals: NDArray[np.float64]) -> tuple[ResidualRange, ...]:
    """Returns ranges of about the same number of rows; rows with the same true number are in the same one."""
    if not len(truth):
        return ()
    parts = int(np.clip(len(truth) // _ROWS_A_RANGE, 1, _RANGES))
    inner = np.unique(np.quantile(truth, np.linspace(0, 1, parts + 1)[1:-1]))
    bins = np.searchsorted(inner, truth, side="left")
    return tuple(_range(truth[bins == number], residuals[bins == number]) for number in np.unique(bins))


def _range(truth: NDArray[np.float64], residuals: NDArray[np.float64]) -> ResidualRange:
    bias, mae = float(residuals.mean()), float(np.abs(residuals).mean())
    return ResidualRange(float(truth.min()), float(truth.max()), len(truth), bias, mae)
