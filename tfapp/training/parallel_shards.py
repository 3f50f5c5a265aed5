"""The rows of a batch in parts that are computed in parallel.

On a processor, two products beside each other take less time than two that are divided among the threads one after the
other, and what is no product is done meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

__all__ = ["map_shards", "shards_of"]


def shards_of(count: int, ids: tf.RaggedTensor, *others: Any) -> list[tuple[Any, ...]]:
    """Divides the rows of a batch, ragged int32[N, (T)] and other tensors [N, ...], into about equally large shards.

    Where there are fewer rows than shards, some have none.
    """
    if count == 1:
        return [(ids, *others)]
    rows = ids.nrows(tf.int32)
    slices = [slice(rows * part // count, rows * (part + 1) // count) for part in range(count)]
    return [(ids[some], *tf.nest.map_structure(lambda value, some=some: value[some], others)) for some in slices]


def map_shards(count: int, function: Callable[..., tf.Tensor], ids: tf.RaggedTensor, *others: Any) -> tf.Tensor:
    """Calls a function with the shards of a batch, and returns its values [N, ...] for the whole batch.

    Its second dimension may be the longest row's: there is 0 where a shard is narrower than another.
    """
    parts = [function(*part) for part in shards_of(count, ids, *others)]
    if count > 1 and parts[0].shape.rank > 2:
        widths = [tf.shape(values)[1] for values in parts]
        widest = tf.reduce_max(widths)
        no_padding = [[0, 0]] * (parts[0].shape.rank - 2)
        parts = [
            tf.pad(values, [[0, 0], [0, widest - width], *no_padding])
            for values, width in zip(parts, widths, strict=True)
        ]
    return tf.concat(parts, axis=0)
