"""A ranker over a pretrained BERT: how well a candidate fits a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import keras_hub
import numpy as np
import tensorflow as tf
from tfapp_client import contract

from tfapp.config import ModelSettings
from tfapp.models.base import TaskModel
from tfapp.models.heads import backbone_config, check_positions, pooled_network
from tfapp.models.preprocessor import Preprocessor
from tfapp.models.presets import Preset
from tfapp.models.soft_losses import soft_binary_loss

__all__ = ["PairRanker"]


class PairRanker(TaskModel):
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
        super().__init__(pooled_network(backbone, 1, pooling=pooling, dropout=dropout), preprocessor, ())

    @classmethod
    def from_preset(cls, preset: Preset, labels: Sequence[str], settings: ModelSettings, *, dtype: str) -> Self:
        """A pretrained backbone with a fresh head.

        Args:
            preset: The pretrained BERT.
            labels: The lowest and the highest grade of train.
            settings: Length, pooling, dropout.
            dtype: A Keras dtype policy for the backbone; the logits are float32.

        Raises:
            ModelError: `model.max_length` is more than the backbone has positions for.
        """
        backbone = preset.backbone(dtype)
        check_positions(backbone, settings.max_length, "model.max_length")
        return cls(
            backbone,
            preset.preprocessor(settings.max_length),
            top_grade=float(labels[-1]),
            pooling=settings.pooling or "cls",
            dropout=settings.dropout,
        )

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

    def config(self) -> dict[str, Any]:
        """The backbone's sizes and the head's settings."""
        own = {"top_grade": self.top_grade, "pooling": self.pooling, "dropout": self.dropout}
        return {"backbone": backbone_config(self.backbone)} | own

    @classmethod
    def from_config(cls, config: dict[str, Any], preprocessor: Preprocessor, *, dtype: str) -> Self:
        """Builds the network that `config` described, with fresh weights."""
        values = dict(config)
        return cls(keras_hub.models.BertBackbone(**values.pop("backbone"), dtype=dtype), preprocessor, **values)
