"""How far a student's logits are from its teacher's, both softened (Hinton et al. 2015).

The square of the temperature keeps the gradients' size, which falls with it.
"""

from __future__ import annotations

import tensorflow as tf

__all__ = ["soft_binary_loss", "soft_class_loss"]


def soft_class_loss(theirs: tf.Tensor, logits: tf.Tensor, temperature: float) -> tf.Tensor:
    """Divergence of distributions over classes.

    Args:
        theirs: The teacher's logits, float32[N, K].
        logits: The student's, float32[N, K].
        temperature: Divides both.

    Returns:
        float32[N], 0 where they agree.
    """
    wanted = tf.nn.log_softmax(theirs / temperature)
    given = tf.nn.log_softmax(logits / temperature)
    return temperature**2 * tf.reduce_sum(tf.exp(wanted) * (wanted - given), axis=-1)


def soft_binary_loss(theirs: tf.Tensor, logits: tf.Tensor, temperature: float) -> tf.Tensor:
    """Divergence of independent probabilities, each a logit's sigmoid.

    Args:
        theirs: The teacher's logits, float32[N, ...].
        logits: The student's, of the same shape.
        temperature: Divides both.

    Returns:
        float32[N, ...], 0 where they agree.
    """
    wanted = tf.sigmoid(theirs / temperature)
    crossed = tf.nn.sigmoid_cross_entropy_with_logits(wanted, logits / temperature)
    return temperature**2 * (crossed - tf.nn.sigmoid_cross_entropy_with_logits(wanted, theirs / temperature))
