"""Names the parts of a KerasHub BERT: its layers by their part, its weights by the names of their layers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

__all__ = ["LayerParts", "depth_of", "kernel_rows", "kernels_by_layer", "layer_parts"]

_LAYER: Final = re.compile(r"(?:^|/)transformer_layer_(\d+)/")
_EMBEDDINGS: Final = re.compile(r"(?:^|/)(?:token|position|segment)_embedding/|(?:^|/)embeddings_layer_norm/")


class LayerParts(NamedTuple):
    """The Keras layers that a transformer layer of BERT is made of, first to last."""

    query: Any
    key: Any
    value: Any
    attention_output: Any
    attention_norm: Any
    intermediate: Any
    output: Any
    output_norm: Any


def layer_parts(layer: Any) -> LayerParts:
    """Returns the parts of one of a backbone's `transformer_layers`.

    By the names that KerasHub's own converter of BERT goes by (keras_hub, convert_bert.py): there are no public ones.
    """
    attention = layer._self_attention_layer
    return LayerParts(
        attention.query_dense,
        attention.key_dense,
        attention.value_dense,
        attention.output_dense,
        layer._self_attention_layer_norm,
        layer._feedforward_intermediate_dense,
        layer._feedforward_output_dense,
        layer._feedforward_layer_norm,
    )


def depth_of(backbone: Any, variable: Any) -> int:
    """Returns how far a weight of a `BertBackbone` of L layers, or of a head on it, is from the input.

    It is 0 for the embeddings, i + 1 for transformer layer i, L + 1 for the pooler and what is above.
    """
    match = _LAYER.search(variable.path)
    if match:
        return int(match[1]) + 1
    return 0 if _EMBEDDINGS.search(variable.path) else int(backbone.num_layers) + 1


def kernels_by_layer(variables: Iterable[Any]) -> dict[str, list[Any]]:
    """Returns the kernels of dense layers among variables by their layer's name, such as "query", first layer first."""
    kernels: dict[str, list[Any]] = {}
    for variable in variables:
        layer, _, name = variable.path.rpartition("/")
        if name == "kernel":
            kernels.setdefault(layer.rpartition("/")[2], []).append(variable)
    return kernels


def kernel_rows(backbone: Any, kernel: Any) -> int:
    """Returns the rows of one of a backbone's kernels as a matrix from its layer's input to its output.

    Attention's kernels have an axis for the heads: [hidden, heads, width] from the hidden vector to the heads, and
    [heads, width, hidden] back.
    """
    first = int(kernel.shape[0])
    is_whole = len(kernel.shape) == 2 or first == backbone.hidden_dim
    return first if is_whole else math.prod(kernel.shape[:-1])
