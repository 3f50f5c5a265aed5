"""A classifier over a pretrained BERT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import tensorflow as tf

from tfapp.config import ModelSettings
from tfapp.models.bert import BertModel
from tfapp.models.classes import ClassificationModel
from tfapp.models.heads import bert_network, classifier_pooling
from tfapp.models.preprocessor import Preprocessor
from tfapp.models.text_pairs import comparison_of
from tfapp.models.windows import mean_of_windows, split_windows

__all__ = ["TextClassifier"]


class TextClassifier(BertModel, ClassificationModel):
    """BERT, dropout and one dense layer, as `keras_hub.models.BertTextClassifier` has them.

    Args:
        backbone: A `keras_hub.models.BertBackbone`.
        preprocessor: The backbone's tokenizer.
        labels: K names.
        pooling: "cls" for BERT's pooled [CLS] vector, "mean" or "max" over the tokens.
        dropout: Rate before the dense layer.
        window: Longer texts are read in windows of at most this many tokens; None: whole.
        temperature: Divides the cosines where vectors of texts are compared.
        pair_encoder: Of pairs of texts, "cross" to read both as one, "bi" to read each for itself.
        kwargs: As in `ClassificationModel`.
    """

    kind = "bert"
    config_keys = ("pooling", "dropout", "window", "temperature", "pair_encoder")

    def __init__(
        self,
        backbone: Any,
        preprocessor: Preprocessor,
        labels: Sequence[str],
        *,
        pooling: str = "cls",
        dropout: float = 0.1,
        window: int | None = None,
        temperature: float = 0.05,
        pair_encoder: str = "cross",
        **kwargs: Any,
    ) -> None:
        self.backbone = backbone
        self.window = window
        self.temperature = temperature
        self.pooling = pooling
        self.dropout = dropout
        self.head_input = classifier_pooling(pooling)
        self.pair_encoder = pair_encoder
        self.comparison = comparison_of(pair_encoder)
        network = bert_network(
            backbone, self.head_input, units=len(labels), dropout=dropout, comparison=self.comparison
        )
        self.head = network.get_layer("logits")
        super().__init__(network, preprocessor, labels, **kwargs)

    @classmethod
    def arguments(cls, labels: Sequence[str], settings: ModelSettings) -> dict[str, Any]:
        """Returns labels, pooling, dropout, multi-label, and the settings of the loss."""
        return {
            "labels": labels,
            "pooling": settings.pooling or "cls",
            "dropout": settings.dropout,
            "temperature": settings.temperature,
            "pair_encoder": settings.pair_encoder,
            "multi_label": settings.multi_label,
            "class_balance": settings.class_balance,
            "focal_gamma": settings.focal_gamma,
        }

    def logits(self, ids: tf.RaggedTensor, *, training: bool = False) -> tf.Tensor:
        """Runs the network, on a long text's windows if there are such.

        Args:
            ids: Ragged int32[N, (T)] from the preprocessor; N may be 0.
            training: Whether dropout is on.

        Returns:
            float32[N, K]; the mean over a text's windows.
        """
        return self._over_windows(ids, partial(super().logits, training=training))

    def features(self, ids: tf.RaggedTensor) -> tf.Tensor:
        """Returns the vectors that the head reads.

        Args:
            ids: As in `logits`.

        Returns:
            float32[N, H]; the mean over a text's windows, which the head, being linear, turns into their mean logits.
        """
        return self._over_windows(ids, super().features)

    def _over_windows(self, ids: tf.RaggedTensor, network: Callable[[tf.RaggedTensor], tf.Tensor]) -> tf.Tensor:
        if self.window is None:
            return network(ids)
        windows, owners = split_windows(ids, self.window)
        return mean_of_windows(network(windows), windows, owners, ids.nrows(tf.int32))

    def own_config(self) -> dict[str, Any]:
        """Returns the entries that all classifiers have, and the head's settings."""
        return self.class_config() | super().own_config()
