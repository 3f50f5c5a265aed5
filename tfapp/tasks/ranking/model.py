"""A ranker over a pretrained BERT: how well a candidate fits a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tfapp_client import contract

from tfapp.config import ModelSettings
from tfapp.models.bert import BertModel
from tfapp.models.classes import mean_binary_logits, soft_binary_loss
from tfapp.models.heads import bert_network, classifier_pooling
from tfapp.models.preprocessor import Preprocessor
from tfapp.models.text_pairs import comparison_of

__all__ = ["PairRanker"]


class PairRanker(BertModel):
    """BERT and one dense unit on a query and a candidate.

    As a cross-encoder (Nogueira and Cho 2019) it reads [CLS] query [SEP] candidate [SEP] as one. As a bi-encoder
    (Reimers and Gurevych 2019) it reads each for itself, and the unit reads the cosine of their two vectors: before it
    has learnt anything, it ranks as the preset does.

    Args:
        backbone: A `keras_hub.models.BertBackbone`.
        preprocessor: The backbone's tokenizer.
        top_grade: The grade that a score of 1 stands for.
        pooling: "cls" for BERT's pooled [CLS] vector, "mean" or "max" over the tokens.
        dropout: Rate before the dense unit of a cross-encoder.
        pair_encoder: "cross" to read both as one, "bi" to read each for itself.
        temperature: Of a bi-encoder, what divides the cosines before the unit has learnt.
    """

    task = contract.RANKING
    kind = "bert"
    config_keys = ("top_grade", "pooling", "dropout", "pair_encoder", "temperature")

    def __init__(
        self,
        backbone: Any,
        preprocessor: Preprocessor,
        *,
        top_grade: float = 1.0,
        pooling: str = "cls",
        dropout: float = 0.1,
        pair_encoder: str = "cross",
        temperature: float = 0.05,
    ) -> None:
        self.backbone = backbone
        self.top_grade = top_grade
        self.pooling = pooling
        self.dropout = dropout
        self.head_input = classifier_pooling(pooling)
        self.pair_encoder = pair_encoder
        self.temperature = temperature
        self.comparison = comparison_of(pair_encoder, "cosine")
        network = bert_network(
            backbone,
            self.head_input,
            units=1,
            dropout=dropout,
            comparison=self.comparison,
            cosine_scale=1 / temperature,
        )
        self.head = network.get_layer("logits")
        super().__init__(network, preprocessor, ())

    @classmethod
    def arguments(cls, labels: Sequence[str], settings: ModelSettings) -> dict[str, Any]:
        """Returns the arguments: the highest of the grades of train, which the labels end with, and the settings."""
        return {
            "top_grade": float(labels[-1]),
            "pooling": settings.pooling or "cls",
            "dropout": settings.dropout,
            "pair_encoder": settings.pair_encoder,
            "temperature": settings.temperature,
        }

    def encode_targets(self, labels: Sequence[Any]) -> np.ndarray:
        """Turns N grades into shares of the top grade, float32[N]; a higher grade than any of train is over 1."""
        return np.asarray(labels, np.float32) / np.float32(self.top_grade)

    def logits(self, ids: tf.RaggedTensor, *, training: bool = False) -> tf.Tensor:
        """Runs the network; float32[N]."""
        return super().logits(ids, training=training)[:, 0]

    def loss(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Returns the binary cross-entropy of each pair, float32[N]; a grade in between is a target in between.

        The logits may be [N, 1], as the head gives them.
        """
        return tf.nn.sigmoid_cross_entropy_with_logits(tf.minimum(targets, 1.0), tf.reshape(logits, [-1]))

    def soft_loss(self, teacher_logits: tf.Tensor, logits: tf.Tensor, temperature: float) -> tf.Tensor:
        """Returns the divergence from a teacher's score, float32[N]."""
        return soft_binary_loss(teacher_logits, logits, temperature)

    def mean_logits(self, logits: Sequence[np.ndarray], temperature: float) -> np.ndarray:
        """Returns logits whose scores at the temperature are the mean of those of an ensemble's models."""
        return mean_binary_logits(logits, temperature)

    def scores(self, logits: tf.Tensor) -> tf.Tensor:
        """Returns float32[N], 0..1, from logits of any of the two forms that `loss` takes."""
        return tf.sigmoid(tf.reshape(logits, [-1]))

    def answers(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns `score`, by the contract."""
        return {"score": self.scores(logits)}
