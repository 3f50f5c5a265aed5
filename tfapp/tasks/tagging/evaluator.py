"""Evaluates spans."""

from __future__ import annotations

import numpy as np

from tfapp.evaluation import Evaluation
from tfapp.models import TaskModel
from tfapp.tasks.spec import Evaluator
from tfapp.tasks.tagging.evaluate_spans import evaluate_entities
from tfapp.tasks.tagging.metrics import Span
from tfapp.tasks.tagging.model import TextTagger
from tfapp.training import TokenizedSplit

__all__ = ["SpanEvaluator"]


class SpanEvaluator(Evaluator):
    """Evaluates spans by borders and types."""

    def evaluate(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> Evaluation:
        """See `Evaluator.evaluate`."""
        assert isinstance(model, TextTagger)
        texts = list(split.columns["text"])
        found = model.find(texts, logits)
        return evaluate_entities(
            model.labels,
            [[Span(span["start"], span["end"], span["label"]) for span in spans] for spans in split.columns["label"]],
            [[Span(span["start"], span["end"], span["tag"], span["score"]) for span in spans] for spans in found],
            words=list(model.word_places(texts)),
            losses=model.word_losses(split.targets, logits),
            texts=texts,
            rows=split.rows.tolist(),
        )
