"""An embedder that learns from classes: texts of one class are drawn together, those of others apart."""

from __future__ import annotations

import tensorflow as tf

from tfapp.models.contrast import class_losses
from tfapp.models.embedder import Embedder

__all__ = ["ClassEmbedder"]


class ClassEmbedder(Embedder):
    """What a classifier learns by before its head does, where there are few texts; it shares the classifier's weights.

    Its rows are texts of one class one after another, and its targets the classes' numbers, int32[N], -1 for none.
    """

    def loss(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Returns how hard each row's texts find each other among all of the batch, float32[N]; see `class_losses`."""
        return class_losses(logits, targets, self.temperature)
