"""From logits to an evaluation, one function a task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import tensorflow as tf

from tfapp.data import normalize_text
from tfapp.evaluation.answer_metrics import cut_texts, f1_score, fit_answer_threshold, gold_texts
from tfapp.evaluation.base import Evaluation
from tfapp.evaluation.entity_metrics import Span
from tfapp.evaluation.evaluate_answers import evaluate_answers
from tfapp.evaluation.evaluate_classes import UnknownScores, evaluate_classes, evaluate_multi_label
from tfapp.evaluation.evaluate_entities import evaluate_entities
from tfapp.evaluation.evaluate_ranking import evaluate_ranking
from tfapp.evaluation.evaluate_retrieval import PairTexts, evaluate_retrieval
from tfapp.evaluation.language_evaluation import evaluate_language
from tfapp.evaluation.metrics import fit_thresholds
from tfapp.models import Answerer, Embedder, PairRanker, TaskModel, TextTagger
from tfapp.models.answer_spans import mask_logits
from tfapp.models.classes import ClassificationModel
from tfapp.models.embedder import PLACES
from tfapp.training.sides import Side
from tfapp.training.unknown import fit_unknown

__all__ = ["judge", "judge_dev"]


def judge(model: TaskModel, logits: np.ndarray, side: Side) -> Evaluation:
    """Evaluates a model's logits on one side of the data.

    Args:
        model: Knows its labels and, for multi-label, its thresholds.
        logits: float32[N, ...], in the order of the side's texts, as `TaskModel.measure` gives them.
        side: N texts with their targets.
    """
    return _JUDGES[model.task.name](model, logits, side)


def judge_dev(model: TaskModel, logits: np.ndarray, side: Side) -> Evaluation:
    """As `judge`, on the dev split: first fits the model's thresholds, if it has such."""
    fit = _FITTED.get(model.task.name)
    if fit:
        fit(model, logits, side)
    return judge(model, logits, side)


def _fit_classes(model: TaskModel, logits: np.ndarray, side: Side) -> None:
    assert isinstance(model, ClassificationModel)
    if model.unknown and model.unknown.measures:
        model.unknown = fit_unknown(model.unknown, logits, side.targets)
    if model.multi_label:
        probabilities = model.probabilities(tf.constant(logits)).numpy()
        model.thresholds = tuple(float(value) for value in fit_thresholds(side.targets > 0, probabilities))


def _judge_classes(model: TaskModel, logits: np.ndarray, side: Side) -> Evaluation:
    assert isinstance(model, ClassificationModel)
    probabilities = model.probabilities(tf.constant(logits)).numpy()
    rows = side.rows.tolist()
    if model.multi_label:
        thresholds = np.asarray(model.thresholds, np.float32)
        return evaluate_multi_label(
            model.labels, side.targets > 0, probabilities, thresholds, texts=side.raw, rows=rows
        )
    unknown = UnknownScores(model.unknown.label, model.unknown.scores(logits).numpy()) if model.unknown else None
    return evaluate_classes(model.labels, side.targets, probabilities, unknown=unknown, texts=side.raw, rows=rows)


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


def _judge_retrieval(model: TaskModel, logits: np.ndarray, side: Side) -> Evaluation:
    assert isinstance(model, Embedder)
    # As the cleaning compares them.
    texts = {name: [normalize_text(text) for text in side.columns.get(name, ())] for name in PLACES}
    return evaluate_retrieval(
        logits, PairTexts(*texts.values()), temperature=model.temperature, rows=side.rows.tolist()
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


def _judge_answers(model: TaskModel, logits: np.ndarray, side: Side) -> Evaluation:
    assert isinstance(model, Answerer)
    found = model.find(tf.constant(logits), side.places)
    losses = model.loss(tf.constant(side.targets), mask_logits(tf.constant(logits), side.places)).numpy()
    answered = model.is_answered(found).numpy()
    return evaluate_answers(
        questions=side.columns["question"],
        contexts=side.columns["context"],
        wanted=side.columns["label"],
        starts=np.where(answered, found.starts, 0),
        ends=np.where(answered, found.ends, 0),
        scores=np.exp(np.where(answered, found.chances, found.absences)),
        loss=float(losses.sum() / max(len(losses), 1)),
        threshold=model.threshold if model.no_answer else None,
        rows=side.rows.tolist(),
    )


def _fit_answers(model: TaskModel, logits: np.ndarray, side: Side) -> None:
    assert isinstance(model, Answerer)
    if model.no_answer:
        found = model.find(tf.constant(logits), side.places)
        texts = cut_texts(side.columns["context"], found.starts.numpy(), found.ends.numpy())
        wanted = gold_texts(side.columns["context"], side.columns["label"])
        answered = np.array([f1_score(text, golds) for text, golds in zip(texts, wanted, strict=True)])
        absent = np.array([f1_score("", golds) for golds in wanted])
        model.threshold = fit_answer_threshold((found.chances - found.absences).numpy(), answered, absent)


def _judge_language(model: TaskModel, logits: np.ndarray, side: Side) -> Evaluation:
    del model, side
    return evaluate_language(logits)


# A new task is one function and one line here.
_JUDGES: Final[dict[str, Callable[[TaskModel, np.ndarray, Side], Evaluation]]] = {
    "classification": _judge_classes,
    "pair-classification": _judge_classes,
    "ranking": _judge_ranking,
    "embedding": _judge_retrieval,
    "tagging": _judge_tagging,
    "answering": _judge_answers,
    "pretraining": _judge_language,
}

# What is fitted to the dev split before it is judged, of the tasks that have such.
_FITTED: Final[dict[str, Callable[[TaskModel, np.ndarray, Side], None]]] = {
    "classification": _fit_classes,
    "pair-classification": _fit_classes,
    "answering": _fit_answers,
}
