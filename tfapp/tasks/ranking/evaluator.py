"""Evaluates scores of pairs."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfapp.data import normalize_text
from tfapp.evaluation import Evaluation
from tfapp.models import TaskModel
from tfapp.tasks.ranking.evaluate_ranking import evaluate_ranking
from tfapp.tasks.ranking.model import PairRanker
from tfapp.tasks.spec import Evaluator
from tfapp.training import TokenizedSplit

__all__ = ["RankingEvaluator"]


class RankingEvaluator(Evaluator):
    """Evaluates the order of each query's candidates."""

    def evaluate(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> Evaluation:
        """See `Evaluator.evaluate`."""
        assert isinstance(model, PairRanker)
        columns = split.columns
        return evaluate_ranking(
            split.targets,
            model.scores(tf.constant(logits)).numpy(),
            # As the split compares them.
            groups=[normalize_text(group) for group in columns["group"]],
            queries=columns["query"],
            candidates=columns["candidate"],
            rows=split.rows.tolist(),
        )
