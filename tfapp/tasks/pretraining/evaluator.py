"""Evaluates a language model, from its guesses to its evaluation."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfapp.errors import TrainingError
from tfapp.evaluation import Evaluation
from tfapp.models import TaskModel
from tfapp.tasks.pretraining.evaluation_result import (
    LanguageEvaluation,
    ReconstructionEvaluation,
    SelfRetrievalEvaluation,
)
from tfapp.tasks.pretraining.simcse import SimCse, self_retrieval
from tfapp.tasks.pretraining.tsdae import Tsdae
from tfapp.training import TokenizedSplit
from tfapp.training.evaluator import Evaluator

__all__ = ["LanguageEvaluator", "evaluate_language"]

_DRAWS: Final = 1000
_LEVEL: Final = 0.95
# Edges of the page's histogram, in nats: a perplexity of 1 to over 1,000.
_MOST_NATS: Final = 7


class LanguageEvaluator(Evaluator):
    """Evaluates guesses of masked tokens."""

    def evaluate(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> Evaluation:
        """Evaluates the logits; see `Evaluator.evaluate`."""
        if isinstance(model, SimCse):
            sums = self_retrieval(logits, split.targets, model.temperature)
            return evaluate_language(sums, SelfRetrievalEvaluation)
        return evaluate_language(logits, ReconstructionEvaluation if isinstance(model, Tsdae) else LanguageEvaluation)


def evaluate_language(
    sums: NDArray[np.floating], kind: type[LanguageEvaluation] = LanguageEvaluation
) -> LanguageEvaluation:
    """Sums up guesses.

    Args:
        sums: float[N, 3], of each block the summed loss in nats, right guesses, guesses.
        kind: What they are guesses of.

    Returns:
        The evaluation.

    Raises:
        TrainingError: A loss is not a number.
    """
    blocks = np.asarray(sums, np.float64).reshape(-1, 3)
    blocks = blocks[blocks[:, 2] > 0]
    if not np.isfinite(blocks).all():
        raise TrainingError("the loss of a block is not a number; lower training.learning_rate and train again")
    losses, right, counts = blocks.T
    total = max(counts.sum(), 1.0)
    loss_interval, interval = _intervals(blocks)
    edges = [-np.inf, *range(1, _MOST_NATS + 1), np.inf]
    return kind(
        count=int(counts.sum()),
        loss=float(losses.sum() / total),
        loss_interval=loss_interval,
        accuracy=float(right.sum() / total),
        main_interval=interval,
        blocks=len(blocks),
        spread=tuple(np.histogram(losses / np.maximum(counts, 1.0), edges)[0].tolist()),
    )


def _intervals(blocks: NDArray[np.float64]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Returns bootstrap intervals (Efron 1979) of loss and accuracy over blocks, whose tokens are not independent."""
    if not len(blocks):
        return (0.0, 0.0), (0.0, 1.0)
    random = np.random.default_rng(0)
    draws = np.stack([blocks[random.integers(0, len(blocks), len(blocks))].sum(axis=0) for _ in range(_DRAWS)])
    ends = np.quantile(draws[:, :2] / draws[:, 2:], [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2], axis=0)
    loss, accuracy = ((float(low), float(high)) for low, high in ends.T)
    return loss, accuracy
