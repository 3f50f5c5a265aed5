"""The heads of models over a pretrained BERT: a dense layer on one vector a row or a token, the backbone's sizes."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias, cast

import keras
from keras import ops

from tfapp.errors import ModelError
from tfapp.models.text_pairs import ComparisonMethod, PairComparison

__all__ = ["MaskedPooling", "Pooling", "backbone_config", "bert_network", "check_positions", "classifier_pooling"]


Pooling: TypeAlias = Literal["pooler", "first", "mean", "max", "tokens"]
"""The part of a BERT's last layer that a head reads: its pooler's vector of [CLS], that of [CLS] itself, the mean or
the maximum of the tokens' vectors, or each token's for itself."""

# Between the cosines of texts that belong together and of those that do not, of sentence encoders.
_MIDDLE_COSINE: Final = 0.5


class MaskedPooling(keras.layers.Layer):
    """The mean or the maximum over a text's real tokens, or the first token's vector, in float32, by `mode`."""

    def __init__(self, mode: str, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.mode = mode

    def call(self, sequence: Any, padding_mask: Any) -> Any:
        """Pools float[N, T, H] to float32[N, H]; the mask int[N, T] is 1 at real tokens, one or more in a row."""
        if self.mode == "first":
            return sequence[:, 0]
        mask = ops.cast(padding_mask, "float32")[:, :, None]
        if self.mode == "max":
            return ops.max(sequence * mask + (1.0 - mask) * -1e9, axis=1)
        return ops.sum(sequence * mask, axis=1) / ops.maximum(ops.sum(mask, axis=1), 1.0)


def bert_network(
    backbone: Any,
    head_input: Pooling,
    *,
    units: int | None = None,
    dropout: float = 0.0,
    comparison: ComparisonMethod | None = None,
    cosine_scale: float = 20.0,
) -> keras.Model:
    """Returns a network: dropout and one dense layer on an output of the backbone, or that output itself at length 1.

    Args:
        backbone: A `keras_hub.models.BertBackbone`.
        head_input: What of it.
        units: Width of the output, K; None: the vector itself.
        dropout: Rate before the dense layer.
        comparison: The backbone's inputs are the texts of pairs one after another, and the dense layer reads this of
            their two vectors; None: each is a row for itself.
        cosine_scale: What the dense layer multiplies cosines with before it has learnt.

    Returns:
        From the backbone's inputs to logits float32[N, K], of tokens [N, T, K]; or to vectors float32[N, H]. Its layers
        are the backbone's own, not the backbone as one: those that nothing reads stay out.
    """
    features = backbone.output
    if head_input == "pooler":
        hidden = features["pooled_output"]
    elif head_input == "tokens":
        hidden = features["sequence_output"]
    else:
        hidden = MaskedPooling(head_input, name="pooling")(
            features["sequence_output"], padding_mask=backbone.input["padding_mask"]
        )
    if units is None:
        vectors = keras.layers.UnitNormalization(dtype="float32", name="unit_length")(hidden)
        return keras.Model(backbone.input, vectors, name="embedder")
    if comparison is not None:
        hidden = PairComparison(comparison, name="comparison")(hidden)
    kernel: Any
    bias: Any
    if comparison == "cosine":
        # The preset's own vectors tell what fits already; of a single number there is nothing to drop.
        kernel, bias = (keras.initializers.Constant(share * cosine_scale) for share in (1.0, -_MIDDLE_COSINE))
    else:
        hidden = keras.layers.Dropout(dropout, name="head_dropout")(hidden)
        kernel, bias = keras.initializers.TruncatedNormal(stddev=0.02), "zeros"
    logits = keras.layers.Dense(
        units, kernel_initializer=kernel, bias_initializer=bias, dtype="float32", name="logits"
    )(hidden)
    return keras.Model(backbone.input, logits, name="classifier")


def classifier_pooling(pooling: str) -> Pooling:
    """Returns the pooling of a classifier by its `model.pooling`: as in BERT's own, [CLS] passes through the pooler."""
    return cast(Pooling, "pooler" if pooling == "cls" else pooling)


def backbone_config(backbone: Any) -> dict[str, Any]:
    """Returns the arguments from which `keras_hub.models.BertBackbone` makes the same network."""
    sizes = ("vocabulary_size", "num_layers", "num_heads", "hidden_dim", "intermediate_dim", "dropout")
    return {name: getattr(backbone, name) for name in (*sizes, "max_sequence_length", "num_segments")}


def check_positions(backbone: Any, length: int, setting: str, *, otherwise: str = "") -> None:
    """Checks that a backbone reads so many tokens at once, as a setting says.

    Args:
        backbone: A `keras_hub.models.BertBackbone`.
        length: The tokens.
        setting: The setting's name.
        otherwise: What helps instead of fewer tokens, if anything does.

    Raises:
        ModelError: It has fewer positions.
    """
    max_positions = backbone.max_sequence_length
    if length > max_positions:
        way_out = f"take fewer, or {otherwise}" if otherwise else "take fewer"
        raise ModelError(
            f"{setting} is {length}, but this BERT reads at most {max_positions} tokens at once; {way_out}"
        )
