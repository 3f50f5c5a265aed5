"""A small LSTM classifier without pretraining, as a baseline for a pretrained BERT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import keras

from tfapp.config import ModelSettings
from tfapp.models.classes import ClassificationModel
from tfapp.models.preprocessor import Preprocessor
from tfapp.models.presets import Preset
from tfapp.tasks.classification.settings import ClassificationModelSettings

__all__ = ["LstmClassifier"]


class LstmClassifier(ClassificationModel):
    """Embedding, LSTM and one dense layer (Hochreiter and Schmidhuber 1997), over a preset's vocabulary.

    Args:
        preprocessor: The tokenizer.
        labels: K names.
        embedding_dim: Width of the embedding.
        units: Width of the LSTM's state.
        dropout: Rate before the dense layer.
        kwargs: As in `ClassificationModel`.
    """

    kind = "lstm"

    def __init__(
        self,
        preprocessor: Preprocessor,
        labels: Sequence[str],
        *,
        embedding_dim: int = 64,
        units: int = 64,
        dropout: float = 0.1,
        **kwargs: Any,
    ) -> None:
        self.embedding_dim = embedding_dim
        self.units = units
        self.dropout = dropout
        names = ("token_ids", "segment_ids", "padding_mask")
        inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in names}
        mask = keras.ops.cast(inputs["padding_mask"], "bool")
        vectors = keras.layers.Embedding(len(preprocessor.vocabulary), embedding_dim, name="embedding")(
            inputs["token_ids"]
        )
        state = keras.layers.LSTM(units, name="lstm")(vectors, mask=mask)
        state = keras.layers.Dropout(dropout, name="classifier_dropout")(state)
        logits = keras.layers.Dense(len(labels), dtype="float32", name="logits")(state)
        super().__init__(keras.Model(inputs, logits, name="lstm_classifier"), preprocessor, labels, **kwargs)

    @classmethod
    def from_preset(cls, preset: Preset, labels: Sequence[str], settings: ModelSettings, *, dtype: str) -> Self:
        """Returns a new network over the preset's vocabulary; always float32, `dtype` is ignored."""
        del dtype  # an LSTM of this size gains nothing from bfloat16
        own_settings = ClassificationModelSettings.of(settings)
        return cls(
            preset.preprocessor(own_settings.max_length),
            labels,
            embedding_dim=own_settings.embedding_dim,
            units=own_settings.lstm_units,
            dropout=own_settings.dropout,
            multi_label=own_settings.multi_label,
            class_balance=own_settings.class_balance,
            focal_gamma=own_settings.focal_gamma,
        )

    def config(self) -> dict[str, Any]:
        """Returns the network's sizes."""
        values = {"embedding_dim": self.embedding_dim, "units": self.units, "dropout": self.dropout}
        return self.class_config() | values

    @classmethod
    def from_config(cls, config: dict[str, Any], preprocessor: Preprocessor, *, dtype: str) -> Self:
        """Builds the network that `config` described, with untrained weights."""
        del dtype
        values = dict(config)
        return cls(preprocessor, values.pop("labels"), **values)
