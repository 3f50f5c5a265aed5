"""A ranker over a pretrained BERT: how well a candidate fits a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tfapp_client import contract

from tfapp.config import ModelSettings
from tfapp.models.bert import BertModel
from tfapp.models.classes import soft_binary_loss
from tfapp.models.heads import bert_network, classifier_pooling
from tfapp.models.preprocessor import Preprocessor

__all__ = ["PairRanker"]


class PairRanker(BertModel):
    """BERT on [CLS] query [SEP] candidate [SEP], dropout and one dense unit: a cross-encoder (Nogueira and Cho 2019).

    Args:
        backbone: A `keras_hub.models.BertBackbone`.
        preprocessor: The backbone's tokenizer.
        top_grade: The grade that a score of 1 stands for.
        pooling: "cls" for BERT's pooled [CLS] vector, "mean" or "max" over the tokens.
        dropout: Rate before the dense unit.
    """

    task = contract.RANKING
    kind = "bert"
    config_keys = ("top_grade", "pooling", "dropout")

    def __init__(
        self,
        backbone: Any,
        preprocessor: Preprocessor,
        *,
        top_grade: float = 1.0,
        pooling: str = "cls",
        dropout: float = 0.1,
    ) -> None:
        self.backbone = backbone
        self.top_grade = top_grade
        self.pooling = pooling
        self.dropout = dropout
        self.head_input = classifier_pooling(pooling)
        super().__init__(bert_network(backbone, self.head_input, units=1, dropout=dropout), preprocessor, ())

    @classmethod
    def arguments(cls, labels: Sequence[str], settings: ModelSettings) -> dict[str, Any]:
        """Returns the arguments: the highest of the grades of train, which the labels end with, pooling and dropout."""
        top, pooling = float(labels[-1]), settings.pooling or "cls"
        return {"top_grade": top, "pooling": pooling, "dropout": settings.dropout}

    def encode_targets(self, labels: Sequence[Any]) -> np.ndarray:
        """Turns N grades into shares of the top grade, float32[N]; a higher grade than any of train is over 1."""
        return np.asarray(labels, np.float32) / np.float32(self.top_grade)

    def logits(self, ids: tf.RaggedTensor, *, training: bool = False) -> tf.Tensor:
        """Runs the network; float32[N]."""
        return super().logits(ids, training=training)[:, 0]

    def loss(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Binary cross-entropy of each pair, float32[N]; a grade in between is a target in between."""
        return tf.nn.sigmoid_cross_entropy_with_logits(tf.minimum(targets, 1.0), logits)

    def soft_loss(self, theirs: tf.Tensor, logits: tf.Tensor, temperature: float) -> tf.Tensor:
        """Divergence from a teacher's score, float32[N]."""
        return soft_binary_loss(theirs, logits, temperature)

    def scores(self, logits: tf.Tensor) -> tf.Tensor:
        """float32[N], 0..1, from logits."""
        return tf.sigmoid(logits)

    def answers(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """`score`, by the contract."""
        return {"score": self.scores(logits)}
