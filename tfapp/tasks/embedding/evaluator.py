"""Evaluates vectors."""

from __future__ import annotations

import numpy as np

from tfapp.data import normalize_text
from tfapp.evaluation import Evaluation
from tfapp.models import Embedder, TaskModel
from tfapp.models.embedder import PLACES
from tfapp.tasks.embedding.evaluate_retrieval import PairTexts, evaluate_retrieval
from tfapp.tasks.spec import Evaluator
from tfapp.training import TokenizedSplit

__all__ = ["RetrievalEvaluator"]


class RetrievalEvaluator(Evaluator):
    """Evaluates vectors by retrieval."""

    def evaluate(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> Evaluation:
        """See `Evaluator.evaluate`."""
        assert isinstance(model, Embedder)
        # As the cleaning compares them.
        texts = {name: [normalize_text(text) for text in split.columns.get(name, ())] for name in PLACES}
        return evaluate_retrieval(
            logits, PairTexts(*texts.values()), temperature=model.temperature, rows=split.rows.tolist()
        )
