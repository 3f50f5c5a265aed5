"""The moving average of the weights over the steps of a training, which generalizes better than the last of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import keras
import tensorflow as tf

__all__ = ["WeightAverage"]

# Steps between two points that are averaged: each costs a pass over all weights, and neighbours are nearly alike. The
# last step of an epoch is a point, too.
_EVERY: Final = 8


class WeightAverage:
    """An exponential moving average (Polyak and Juditsky 1992), kept beside the weights that the steps change.

    The first steps are forgotten faster than the later ones, as in `tf.train.ExponentialMovingAverage`: the first
    point is taken as it is, so that the weights at the start have no part in it, and the decay of the n-th after it is
    at most (1 + n) / (10 + n).

    Args:
        variables: Keras variables that the steps change, made under the strategy whose scope this is made in.
        decay: What a step leaves of the average, over 0 and under 1.
        on_change: Called when `averaged_weights` has given the variables other values.

    Attributes:
        averages: A variable for each, in their order, and how many points they are of.
    """

    def __init__(self, variables: Sequence[Any], decay: float, on_change: Callable[[], None] = lambda: None) -> None:
        self._variables = list(variables)
        self._on_change = on_change
        self._decay = decay**_EVERY
        self._points = keras.Variable(0.0, trainable=False, name="points")
        self._averages = [keras.Variable(tf.identity(variable.value), name="average") for variable in self._variables]
        self.averages = [*self._averages, self._points]
        self._update = tf.function(self._update_all, input_signature=[tf.TensorSpec([])], autograph=False)

    def update(self, steps: int, *, last: bool) -> None:
        """Updates the averages with the weights, every few `steps` and at the `last` one of an epoch."""
        if steps % _EVERY == 0 or last:
            points = float(self._points.numpy())
            self._update(tf.constant(min(self._decay, (1 + points) / (10 + points)) if points else 0.0, tf.float32))
            self._points.assign(points + 1)

    @contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """Gives the network the averages as its weights during the block."""
        weights = [variable.numpy() for variable in self._variables]
        for variable, average in zip(self._variables, self._averages, strict=True):
            variable.assign(average.value)
        self._on_change()
        try:
            yield
        finally:
            for variable, value in zip(self._variables, weights, strict=True):
                variable.assign(value)
            self._on_change()

    def _update_all(self, decay: tf.Tensor) -> None:
        for variable, average in zip(self._variables, self._averages, strict=True):
            average.assign_sub((1.0 - decay) * (average.value - variable.value))
