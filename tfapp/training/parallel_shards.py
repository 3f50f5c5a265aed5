"""The rows of a batch in parts that are computed side by side.

On a processor, two products beside each other take less time than two that are divided among the threads one after the
other, and what is no product is done meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

__all__ = ["parts_of", "side_by_side"]


def parts_of(count: int, ids: tf.RaggedTensor, *others: Any) -> list[tuple[Any, ...]]:
    """Divides the rows of a batch.

    Args:
        count: Parts, about equally large; where there are fewer rows, some have none.
        ids: Ragged int32[N, (T)].
        others: [N, ...], or tuples of such tensors.

    Returns:
        Of each part its ids and the rest.
    """
    if count == 1:
        return [(ids, *others)]
    rows = ids.nrows(tf.int32)
    slices = [slice(rows * part // count, rows * (part + 1) // count) for part in range(count)]
    return [(ids[some], *tf.nest.map_structure(lambda one, some=some: one[some], others)) for some in slices]


def side_by_side(count: int, function: Callable[..., tf.Tensor], ids: tf.RaggedTensor, *others: Any) -> tf.Tensor:
    """Calls a function with parts of a batch.

    Args:
        count: Parts.
        function: From ids and others to [N, ...]; its second dimension may be the longest row's.
        ids: Ragged int32[N, (T)].
        others: [N, ...].

    Returns:
        What the function gives of the whole batch; 0 where a part is narrower than another.
    """
    found = [function(*part) for part in parts_of(count, ids, *others)]
    if count > 1 and found[0].shape.rank > 2:
        widths = [tf.shape(values)[1] for values in found]
        widest = tf.reduce_max(widths)
        still = [[0, 0]] * (found[0].shape.rank - 2)
        found = [
            tf.pad(values, [[0, 0], [0, widest - width], *still]) for values, width in zip(found, widths, strict=True)
        ]
    return tf.concat(found, axis=0)
