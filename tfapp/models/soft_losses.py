"""How far a student's logits are from its teacher's, both softened (Hinton et al. 2015).

The square of the temperature keeps the gradients' size, which falls with it.
"""

from __future__ import annotations

import tensorflow as tf

__all__ = ["soft_binary_loss", "soft_class_loss"]


def soft_class_loss(theirs: tf.Tensor, logits: tf.Tensor, temperature: float) -> tf.Tensor:
    """Returns the divergence float32[N] of distributions over classes, 0 where they agree, from logits [N, K]."""
    target = tf.nn.log_softmax(theirs / temperature)
    answer = tf.nn.log_softmax(logits / temperature)
    return temperature**2 * tf.reduce_sum(tf.exp(target) * (target - answer), axis=-1)


def soft_binary_loss(theirs: tf.Tensor, logits: tf.Tensor, temperature: float) -> tf.Tensor:
    """Returns the divergence float32[N, ...] of independent probabilities, sigmoids of logits; 0 where they agree."""
    target = tf.sigmoid(theirs / temperature)
    crossed = tf.nn.sigmoid_cross_entropy_with_logits(target, logits / temperature)
    return temperature**2 * (crossed - tf.nn.sigmoid_cross_entropy_with_logits(target, theirs / temperature))
