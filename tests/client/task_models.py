"""Small SavedModels that answer as the contract's tasks do."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from tfapp_client import contract

from tests.served_models import save


def _length(text: tf.Tensor) -> tf.Tensor:
    return tf.strings.length(text, unit="UTF8_CHAR")


class TaggingModule(tf.Module):
    """Finds the first character, and the rest if there is one."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def __call__(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        length = _length(text)[:, tf.newaxis]
        is_entity = tf.concat([length > 0, length > 1], axis=1)
        starts = tf.where(is_entity, [[0, 1]], -1)
        return {
            "tag": tf.where(is_entity, [["first", "rést"]], ""),
            "start": starts,
            "end": tf.where(is_entity, tf.concat([tf.ones_like(length), length], axis=1), -1),
            "score": tf.where(is_entity, [[0.75, 0.5]], 0.0),
        }


class RankingModule(tf.Module):
    """Prefers candidates that are as long as the query."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, name="query"),
            tf.TensorSpec([None], tf.string, name="candidate"),
        ]
    )
    def __call__(self, query: tf.Tensor, candidate: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"score": -tf.cast(tf.abs(_length(query) - _length(candidate)), tf.float32)}


class PairModule(tf.Module):
    """Says whether both are equally long."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, name="query"),
            tf.TensorSpec([None], tf.string, name="candidate"),
        ]
    )
    def __call__(self, query: tf.Tensor, candidate: tf.Tensor) -> dict[str, tf.Tensor]:
        names = tf.constant(["other", "same"])
        place = tf.cast(_length(query) == _length(candidate), tf.int32)
        return {
            "label": tf.gather(names, place),
            "score": tf.ones_like(place, tf.float32),
            "probabilities": tf.one_hot(place, 2),
            "labels": tf.repeat(names[tf.newaxis], tf.size(query), axis=0),
        }


class RegressionModule(tf.Module):
    """Gives the length."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def __call__(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"score": tf.cast(_length(text), tf.float32)}


class AnsweringModule(tf.Module):
    """Answers with as many characters of the context as the question has."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, name="question"),
            tf.TensorSpec([None], tf.string, name="context"),
        ]
    )
    def __call__(self, question: tf.Tensor, context: tf.Tensor) -> dict[str, tf.Tensor]:
        end = tf.minimum(_length(question), _length(context))
        return {
            "answer": tf.strings.substr(context, tf.zeros_like(end), end, unit="UTF8_CHAR"),
            "start": tf.zeros_like(end),
            "end": end,
            "score": tf.fill(tf.shape(end), 0.5),
        }


class EmbeddingModule(tf.Module):
    """Gives (length, 1), made one long."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def __call__(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        length = tf.cast(_length(text), tf.float32)
        return {"embedding": tf.math.l2_normalize(tf.stack([length, tf.ones_like(length)], axis=1), axis=1)}


def write_tasks(models: Path) -> None:
    """Writes MODELS/NAME/1 for the tasks beyond the classification of texts."""
    modules = {
        "tagger": TaggingModule(),
        "ranker": RankingModule(),
        "pairs": PairModule(),
        "regressor": RegressionModule(),
        "similarity": RankingModule(),  # by its outputs a regression of pairs, too
        "answerer": AnsweringModule(),
        "embedder": EmbeddingModule(),
    }
    for name, module in modules.items():
        save(module, models / name / "1", {contract.DEFAULT_SIGNATURE: module.__call__})
