"""The weights of a CRF, as a layer of the network that has them."""

from __future__ import annotations

from typing import Any

import keras

from tfapp.tasks.tagging.crf import Transitions

__all__ = ["LearntTransitions"]


class LearntTransitions(keras.layers.Layer):
    """Holds scores of neighbouring tags, all 0 at first, and passes the words' own scores on.

    The network keeps them with its other weights; the loss and the decoding read them.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Makes the scores, of K tags each."""
        tags = int(shape[-1] or 0)
        self.start = self.add_weight(name="start", shape=(tags,), initializer="zeros")
        self.between = self.add_weight(name="between", shape=(tags, tags), initializer="zeros")
        self.end = self.add_weight(name="end", shape=(tags,), initializer="zeros")

    def call(self, scores: Any) -> Any:
        """Gives float32[N, T, K] as it is."""
        return scores

    def over(self, legal: Transitions) -> Transitions:
        """The scores on top of others."""
        own = (self.start.value, self.between.value, self.end.value)
        return Transitions(*(fixed + learnt for fixed, learnt in zip(legal, own, strict=True)))
