"""Evaluates answers."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfapp.evaluation import Evaluation
from tfapp.models import TaskModel
from tfapp.tasks.answering.answer_spans import mask_logits
from tfapp.tasks.answering.evaluate_answers import evaluate_answers
from tfapp.tasks.answering.metrics import cut_texts, f1_score, fit_answer_threshold, gold_texts
from tfapp.tasks.answering.model import Answerer
from tfapp.tasks.spec import Evaluator
from tfapp.training import TokenizedSplit

__all__ = ["AnswerEvaluator"]


class AnswerEvaluator(Evaluator):
    """Evaluates answers by their words."""

    def fit(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> None:
        """See `Evaluator.fit`."""
        assert isinstance(model, Answerer)
        if model.no_answer:
            found = model.find(tf.constant(logits), split.places)
            texts = cut_texts(split.columns["context"], found.starts.numpy(), found.ends.numpy())
            wanted = gold_texts(split.columns["context"], split.columns["label"])
            answered = np.array([f1_score(text, golds) for text, golds in zip(texts, wanted, strict=True)])
            absent = np.array([f1_score("", golds) for golds in wanted])
            model.threshold = fit_answer_threshold((found.chances - found.absences).numpy(), answered, absent)

    def evaluate(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> Evaluation:
        """See `Evaluator.evaluate`."""
        assert isinstance(model, Answerer)
        found = model.find(tf.constant(logits), split.places)
        losses = model.loss(tf.constant(split.targets), mask_logits(tf.constant(logits), split.places)).numpy()
        answered = model.is_answered(found).numpy()
        return evaluate_answers(
            questions=split.columns["question"],
            contexts=split.columns["context"],
            wanted=split.columns["label"],
            starts=np.where(answered, found.starts, 0),
            ends=np.where(answered, found.ends, 0),
            scores=np.exp(np.where(answered, found.chances, found.absences)),
            loss=float(losses.sum() / max(len(losses), 1)),
            threshold=model.threshold if model.no_answer else None,
            rows=split.rows.tolist(),
        )
