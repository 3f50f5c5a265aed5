"""Evaluates a language model."""

from __future__ import annotations

import numpy as np

from tfapp.evaluation import Evaluation
from tfapp.models import TaskModel
from tfapp.tasks.pretraining.evaluation import evaluate_language
from tfapp.tasks.spec import Evaluator
from tfapp.training import TokenizedSplit

__all__ = ["LanguageEvaluator"]


class LanguageEvaluator(Evaluator):
    """Evaluates guesses of masked tokens."""

    def evaluate(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> Evaluation:
        """See `Evaluator.evaluate`."""
        del model, split
        return evaluate_language(logits)
