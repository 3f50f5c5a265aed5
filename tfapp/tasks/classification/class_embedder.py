"""A classifier's vectors of texts, which learn to tell the classes apart."""

from __future__ import annotations

import tensorflow as tf

from tfapp.models import Embedder
from tfapp.models.contrast import MASKED_LOGIT
from tfapp.tasks.classification.model import WindowClassifier

__all__ = ["ClassEmbedder", "class_losses"]


class ClassEmbedder(Embedder):
    """Embeds texts, so that a classifier learns from few of them before its head does, on the classifier's weights.

    Its rows are texts of one class one after another, and its targets the classes' numbers, int32[N], -1 for none.
    """

    @classmethod
    def on(cls, classifier: WindowClassifier) -> ClassEmbedder:
        """Builds an embedder on the weights of a classifier, which pools as the classifier's head does.

        Of a text in windows it reads as much as the first one holds.
        """
        preprocessor = classifier.preprocessor
        preprocessor = preprocessor.with_max_length(classifier.window or preprocessor.max_length)
        embedder = cls(
            classifier.backbone, preprocessor, pooling=classifier.pooling, temperature=classifier.temperature
        )
        embedder.xla, embedder.shards = classifier.xla, classifier.shards
        return embedder

    def loss(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Returns each row's loss of telling the texts of its class from the others, float32[N]; see `class_losses`."""
        return class_losses(logits, targets, self.temperature)


def class_losses(vectors: tf.Tensor, classes: tf.Tensor, temperature: float) -> tf.Tensor:
    """Returns each text's loss of telling those of its class from the others (Khosla et al. 2020, its L_out).

    Args:
        vectors: float32[N, P, H], of each row P texts of one class.
        classes: int32[N]; -1 for texts of no class, which have nothing in common.
        temperature: Divides the cosines.

    Returns:
        float32[N], the mean over a row's texts; 0 for those of no class.
    """
    positions = tf.shape(vectors)[1]
    flat = tf.reshape(vectors, [-1, tf.shape(vectors)[2]])
    labels = tf.repeat(classes, positions)
    scores = tf.matmul(flat, flat, transpose_b=True) / temperature
    diagonal = tf.eye(tf.size(labels), dtype=tf.bool)
    is_same_class = (labels[:, None] == labels[None, :]) & (labels >= 0)[:, None] & ~diagonal
    shares = tf.nn.log_softmax(tf.where(diagonal, MASKED_LOGIT, scores))
    weights = tf.cast(is_same_class, tf.float32)
    totals = tf.reduce_sum(tf.where(is_same_class, shares, 0.0), axis=1)
    losses = -totals / tf.maximum(tf.reduce_sum(weights, axis=1), 1.0)
    return tf.reduce_mean(tf.reshape(losses, [-1, positions]), axis=1)
