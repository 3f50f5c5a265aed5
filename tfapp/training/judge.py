"""From logits to an evaluation, one function a task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import tensorflow as tf

from tfapp.data import normalize_text
from tfapp.models import PairRanker, TaskModel, TextTagger
from tfapp.models.classes import ClassificationModel
from tfapp.training.entity_metrics import Span
from tfapp.training.evaluate_classes import evaluate_classes, evaluate_multi_label
from tfapp.training.evaluate_entities import evaluate_entities
from tfapp.training.evaluate_ranking import evaluate_ranking
from tfapp.training.evaluation import Evaluation
from tfapp.training.metrics import fit_thresholds
from tfapp.training.sides import Side

__all__ = ["judge", "judge_dev"]


def judge(model: TaskModel, logits: np.ndarray, side: Side) -> Evaluation:
    """Evaluates a model's logits on one side of the data.

    Args:
        model: Knows its labels and, for multi-label, its thresholds.
        logits: float32[N, ...], in the order of the side's texts.
        side: N texts with their targets.
    """
    return _JUDGES[model.task.name](model, logits, side)


def judge_dev(model: TaskModel, logits: np.ndarray, side: Side) -> Evaluation:
    """As `judge`, on the dev split: first fits the model's thresholds where it has any."""
    if isinstance(model, ClassificationModel) and model.multi_label:
        probabilities = model.probabilities(tf.constant(logits)).numpy()
        model.thresholds = tuple(float(value) for value in fit_thresholds(side.targets > 0, probabilities))
    return judge(model, logits, side)


def _judge_classes(model: TaskModel, logits: np.ndarray, side: Side) -> Evaluation:
    assert isinstance(model, ClassificationModel)
    probabilities = model.probabilities(tf.constant(logits)).numpy()
    rows = side.rows.tolist()
    if model.multi_label:
        thresholds = np.asarray(model.thresholds, np.float32)
        return evaluate_multi_label(
            model.labels, side.targets > 0, probabilities, thresholds, texts=side.raw, rows=rows
        )
    return evaluate_classes(model.labels, side.targets, probabilities, texts=side.raw, rows=rows)


def _judge_ranking(model: TaskModel, logits: np.ndarray, side: Side) -> Evaluation:
    assert isinstance(model, PairRanker)
    columns = side.columns
    return evaluate_ranking(
        side.targets,
        model.scores(tf.constant(logits)).numpy(),
        # As the split compares them.
        groups=[normalize_text(group) for group in columns["group"]],
        queries=columns["query"],
        candidates=columns["candidate"],
        rows=side.rows.tolist(),
    )


def _judge_tagging(model: TaskModel, logits: np.ndarray, side: Side) -> Evaluation:
    assert isinstance(model, TextTagger)
    texts = list(side.columns["text"])
    found = model.find(texts, logits)
    return evaluate_entities(
        model.labels,
        [[Span(span["start"], span["end"], span["label"]) for span in spans] for spans in side.columns["label"]],
        [[Span(span["start"], span["end"], span["tag"], span["score"]) for span in spans] for spans in found],
        words=list(model.word_places(texts)),
        losses=model.word_losses(side.targets, logits),
        texts=texts,
        rows=side.rows.tolist(),
    )


# A new task is one function and one line here.
_JUDGES: Final[dict[str, Callable[[TaskModel, np.ndarray, Side], Evaluation]]] = {
    "classification": _judge_classes,
    "pair-classification": _judge_classes,
    "ranking": _judge_ranking,
    "tagging": _judge_tagging,
}
