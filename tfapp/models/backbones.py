"""What a KerasHub BERT's weights are, told by the names of its layers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, Final

import keras_hub
import numpy as np

__all__ = ["depth_of", "kernels_by_layer", "rows_of", "with_segments"]

_LAYER: Final = re.compile(r"(?:^|/)transformer_layer_(\d+)/")
_EMBEDDINGS: Final = re.compile(r"(?:^|/)(?:token|position|segment)_embedding/|(?:^|/)embeddings_layer_norm/")


def depth_of(backbone: Any, variable: Any) -> int:
    """How far a weight is from the input.

    Args:
        backbone: A `keras_hub.models.BertBackbone` of L layers.
        variable: A Keras variable of it or of what stands on it.

    Returns:
        0 for the embeddings, i + 1 for transformer layer i, L + 1 for the pooler and what is above.
    """
    found = _LAYER.search(variable.path)
    if found:
        return int(found[1]) + 1
    return 0 if _EMBEDDINGS.search(variable.path) else int(backbone.num_layers) + 1


def with_segments(backbone: Any, count: int) -> Any:
    """The same backbone for so many segments, each of which is as the first one was until a training parts them.

    Args:
        backbone: A `keras_hub.models.BertBackbone`.
        count: Segments.
    """
    wider = keras_hub.models.BertBackbone.from_config(backbone.get_config() | {"num_segments": count})
    for layer in backbone.layers:
        values = layer.get_weights()
        if layer.name == "segment_embedding":
            values = [np.repeat(values[0][:1], count, axis=0)]
        wider.get_layer(layer.name).set_weights(values)
    return wider


def kernels_by_layer(variables: Iterable[Any]) -> dict[str, list[Any]]:
    """The kernels of dense layers among some variables, by their layer's name, such as "query", first layer first."""
    kernels: dict[str, list[Any]] = {}
    for variable in variables:
        layer, _, name = variable.path.rpartition("/")
        if name == "kernel":
            kernels.setdefault(layer.rpartition("/")[2], []).append(variable)
    return kernels


def rows_of(backbone: Any, kernel: Any) -> int:
    """The rows of a kernel as a matrix from its layer's input to its output.

    Attention's kernels have an axis for the heads: [hidden, heads, width] from the hidden vector to the heads, and
    [heads, width, hidden] back.

    Args:
        backbone: The `keras_hub.models.BertBackbone` that the kernel is part of.
        kernel: One of `kernels_by_layer`.
    """
    first = int(kernel.shape[0])
    whole = len(kernel.shape) == 2 or first == backbone.hidden_dim
    return first if whole else math.prod(kernel.shape[:-1])
