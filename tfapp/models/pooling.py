"""One vector from the vectors of a text's tokens."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

__all__ = ["MaskedPooling"]


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
