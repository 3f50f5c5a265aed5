"""What the models over a pretrained BERT share: a dense layer on one vector a row or a token, the backbone's sizes."""

from __future__ import annotations

from typing import Any

import keras

from tfapp.errors import ModelError
from tfapp.models.pooling import MaskedPooling

__all__ = ["backbone_config", "check_positions", "pooled_network", "token_network"]


def pooled_network(backbone: Any, units: int, *, pooling: str, dropout: float) -> keras.Model:
    """Pooling, dropout and one dense layer over a backbone.

    Args:
        backbone: A `keras_hub.models.BertBackbone`.
        units: Width of the output, K.
        pooling: "cls" for BERT's pooled [CLS] vector, "mean" or "max" over the tokens.
        dropout: Rate before the dense layer.

    Returns:
        From the backbone's inputs to logits float32[N, K]. Its layers are the backbone's own, not the backbone as one:
        those that the pooling leaves unused stay out.
    """
    features = backbone.output
    if pooling == "cls":
        pooled = features["pooled_output"]
    else:
        pooled = MaskedPooling(pooling, name="pooling")(
            features["sequence_output"], padding_mask=backbone.input["padding_mask"]
        )
    pooled = keras.layers.Dropout(dropout, name="classifier_dropout")(pooled)
    initializer = keras.initializers.TruncatedNormal(stddev=0.02)
    logits = keras.layers.Dense(units, kernel_initializer=initializer, dtype="float32", name="logits")(pooled)
    return keras.Model(backbone.input, logits, name="classifier")


def token_network(backbone: Any, units: int, *, dropout: float) -> keras.Model:
    """Dropout and one dense layer on each token's vector.

    Args:
        backbone: A `keras_hub.models.BertBackbone`.
        units: Width of the output, K.
        dropout: Rate before the dense layer.

    Returns:
        From the backbone's inputs to logits float32[N, T, K].
    """
    tokens = keras.layers.Dropout(dropout, name="token_dropout")(backbone.output["sequence_output"])
    initializer = keras.initializers.TruncatedNormal(stddev=0.02)
    logits = keras.layers.Dense(units, kernel_initializer=initializer, dtype="float32", name="logits")(tokens)
    return keras.Model(backbone.input, logits, name="tokens")


def backbone_config(backbone: Any) -> dict[str, Any]:
    """The arguments from which `keras_hub.models.BertBackbone` makes the same network."""
    sizes = ("vocabulary_size", "num_layers", "num_heads", "hidden_dim", "intermediate_dim", "dropout")
    return {name: getattr(backbone, name) for name in (*sizes, "max_sequence_length", "num_segments")}


def check_positions(backbone: Any, length: int, setting: str, *, windows: bool = False) -> None:
    """Checks that a backbone reads so many tokens at once.

    Args:
        backbone: The backbone.
        length: Tokens.
        setting: What says so, for the message.
        windows: Whether the task may read a text in windows.

    Raises:
        ModelError: It has fewer positions.
    """
    most = backbone.max_sequence_length
    if length > most:
        otherwise = f", or train with a model.window of at most {most}" if windows else ""
        raise ModelError(
            f"{setting} is {length}, but this BERT reads at most {most} tokens at once; take fewer{otherwise}"
        )
