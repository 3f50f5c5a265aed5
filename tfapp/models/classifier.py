"""A classifier over a pretrained BERT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tfapp.config import ModelSettings
from tfapp.models.bert import BertModel
from tfapp.models.classes import ClassificationModel
from tfapp.models.heads import bert_network, classifier_pooling
from tfapp.models.preprocessor import Preprocessor
from tfapp.models.text_pairs import comparison_of

__all__ = ["TextClassifier"]


class TextClassifier(BertModel, ClassificationModel):
    """BERT, dropout and one dense layer, as `keras_hub.models.BertTextClassifier` has them.

    Args:
        backbone: A `keras_hub.models.BertBackbone`.
        preprocessor: The backbone's tokenizer.
        labels: K names.
        pooling: "cls" for BERT's pooled [CLS] vector, "mean" or "max" over the tokens.
        dropout: Rate before the dense layer.
        pair_encoder: Of pairs of texts, "cross" to read both as one, "bi" to read each for itself.
        kwargs: As in `ClassificationModel`.
    """

    kind = "bert"
    config_keys: ClassVar[tuple[str, ...]] = ("pooling", "dropout", "pair_encoder")
    former_config_keys = ("window", "temperature")

    def __init__(
        self,
        backbone: Any,
        preprocessor: Preprocessor,
        labels: Sequence[str],
        *,
        pooling: str = "cls",
        dropout: float = 0.1,
        pair_encoder: str = "cross",
        **kwargs: Any,
    ) -> None:
        self.backbone = backbone
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
            "pair_encoder": settings.pair_encoder,
            "multi_label": settings.multi_label,
            "class_balance": settings.class_balance,
            "focal_gamma": settings.focal_gamma,
        }

    def own_config(self) -> dict[str, Any]:
        """Returns the entries that all classifiers have, and the head's settings."""
        return self.class_config() | super().own_config()
