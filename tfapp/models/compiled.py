"""Networks compiled by XLA, for GPUs: to launch a BERT's thousands of ops one by one takes longer than the ops."""

from __future__ import annotations

from typing import Any, Final

import tensorflow as tf

__all__ = ["CompiledNetwork", "round_up"]

# Each shape is a compilation of many seconds; narrower rows than these would save little.
_LEAST_WIDTH: Final = 32
# Evaluations read batches of 32 texts and what is left over; trainings whole batches only, however small.
_LEAST_ROWS: Final = {False: 32, True: 1}
# Powers of two, and the numbers halfway between two of them.
_SIZES: Final = sorted([2**power for power in range(31)] + [3 * 2**power for power in range(29)])


class CompiledNetwork:
    """A network as one program of XLA's a shape, its gradients as another.

    XLA compiles for fixed shapes. So the inputs are padded to one of few: rows and width to `round_up`, of which there
    are five from 32 to 128. What is padded is cut off the outputs again, which are the network's own but for the order
    of their sums.

    Args:
        network: From padded inputs [N, T], or [N, T, H] of each token, to [N, ...], or to [N, T, ...] of each token.
        widest: The greatest T that the network takes.
        position_input: The input whose width outputs of three and more dimensions have.
    """

    def __init__(self, network: Any, widest: int, position_input: str = "token_ids") -> None:
        self._widest = widest
        self._position_input = position_input

        def run(inputs: dict[str, tf.Tensor], training: bool) -> Any:
            return network(inputs, training=training)

        self._run = tf.function(run, jit_compile=True, reduce_retracing=True, autograph=False)

    def __call__(self, inputs: dict[str, tf.Tensor], *, training: bool) -> Any:
        """Returns the network's outputs for its inputs."""
        rows, width = tf.unstack(tf.shape(inputs[self._position_input]))
        row_count = round_up(rows, _LEAST_ROWS[training])
        outputs = self._run({name: self._pad(name, values, row_count) for name, values in inputs.items()}, training)
        return tf.nest.map_structure(
            lambda values: values[:rows, :width] if values.shape.rank > 2 else values[:rows], outputs
        )

    def _pad(self, name: str, values: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        """Pads with columns without tokens, and with rows of unread tokens, as a row without any has no mean."""
        width = tf.minimum(round_up(tf.shape(values)[1], _LEAST_WIDTH), self._widest)
        padding = tf.stack([rows, width]) - tf.shape(values)[:2]
        no_padding = [[0, 0]] * (values.shape.rank - 2)
        wide_values = tf.pad(values, [[0, 0], [0, padding[1]], *no_padding])
        return tf.pad(wide_values, [[0, padding[0]], [0, 0], *no_padding], constant_values=int(name == "padding_mask"))


def round_up(size: Any, minimum: int) -> tf.Tensor:
    """Returns the next power of two, or the number halfway between two of them, at least `minimum`, such a number.

    It is at most a third more than `size`, an int32[], or `minimum`.
    """
    sizes = tf.constant(_SIZES, tf.int32)
    return sizes[tf.searchsorted(sizes, tf.maximum(size, [minimum]))[0]]
