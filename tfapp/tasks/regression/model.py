"""Regressors over a pretrained BERT: a number for a text, or for a pair of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
from tfapp_client import contract

from tfapp.config import ModelSettings
from tfapp.models.bert import BertModel
from tfapp.models.heads import bert_network, classifier_pooling
from tfapp.models.preprocessor import Preprocessor
from tfapp.models.text_pairs import comparison_of

__all__ = ["PairRegressor", "TextRegressor"]

# float32 has 24 bits: around a large mean, answers are this much coarser than the numbers' deviation.
_MEAN_SHARE = 0.01


class TextRegressor(BertModel):
    """BERT, dropout and one dense unit, whose output is the number in standard deviations from the mean of train.

    So learning rates and penalties suit numbers of any unit; `score` is in the unit of the data again.

    Args:
        backbone: A `keras_hub.models.BertBackbone`.
        preprocessor: The backbone's tokenizer.
        mean: The mean of train's numbers.
        deviation: Their standard deviation, over 0.
        pooling: "cls" for BERT's pooled [CLS] vector, "mean" or "max" over the tokens.
        dropout: Rate before the dense unit.
        pair_encoder: Of pairs of texts, "cross" to read both as one, "bi" to read each for itself.
    """

    task: ClassVar[contract.Task] = contract.REGRESSION
    kind = "bert"
    config_keys = ("mean", "deviation", "pooling", "dropout", "pair_encoder")

    def __init__(
        self,
        backbone: Any,
        preprocessor: Preprocessor,
        *,
        mean: float = 0.0,
        deviation: float = 1.0,
        pooling: str = "cls",
        dropout: float = 0.1,
        pair_encoder: str = "cross",
    ) -> None:
        self.backbone = backbone
        self.mean = mean
        self.deviation = deviation
        self.pooling = pooling
        self.dropout = dropout
        self.head_input = classifier_pooling(pooling)
        self.answer_scale = max(deviation, _MEAN_SHARE * abs(mean))
        self.pair_encoder = pair_encoder
        self.comparison = comparison_of(pair_encoder)
        network = bert_network(backbone, self.head_input, units=1, dropout=dropout, comparison=self.comparison)
        self.head = network.get_layer("logits")
        super().__init__(network, preprocessor, ())

    @classmethod
    def arguments(cls, labels: Sequence[str], settings: ModelSettings) -> dict[str, Any]:
        """Returns the mean and deviation, which stand in `labels`, pooling and dropout."""
        mean, deviation = map(float, labels)
        return {
            "mean": mean,
            "deviation": deviation,
            "pooling": settings.pooling or "cls",
            "dropout": settings.dropout,
            "pair_encoder": settings.pair_encoder,
        }

    def encode_targets(self, labels: Sequence[Any]) -> np.ndarray:
        """Turns N numbers into standard deviations from the mean, float32[N]."""
        return ((np.asarray(labels, np.float64) - self.mean) / self.deviation).astype(np.float32)

    def logits(self, ids: tf.RaggedTensor, *, training: bool = False) -> tf.Tensor:
        """Runs the network; float32[N]."""
        return super().logits(ids, training=training)[:, 0]

    def loss(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Returns the squared difference of each row, float32[N]; `logits` may be [N, 1], as the head gives them."""
        return tf.math.squared_difference(targets, tf.reshape(logits, [-1]))

    def scores(self, logits: tf.Tensor) -> tf.Tensor:
        """Returns float32[N] in the unit of the data, from logits."""
        return tf.reshape(logits, [-1]) * self.deviation + self.mean

    def answers(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns `score`, by the contract."""
        return {"score": self.scores(logits)}


class PairRegressor(TextRegressor):
    """`TextRegressor` on [CLS] query [SEP] candidate [SEP], as Devlin et al. 2019 read the pairs of STS-B."""

    task: ClassVar[contract.Task] = contract.PAIR_REGRESSION
