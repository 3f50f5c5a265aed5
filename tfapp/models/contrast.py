"""Contrastive losses, which draw the vectors of a batch that belong together towards each other, and others apart.

Vectors have length 1, so that their products are cosines.
"""

from __future__ import annotations

from typing import Final

import tensorflow as tf

__all__ = ["MASKED_LOGIT", "pair_losses"]

MASKED_LOGIT: Final = -1e9
"""The score of what must not be chosen: instead of minus infinity, whose gradient would be no number."""


def pair_losses(vectors: tf.Tensor, codes: tf.Tensor, temperature: float) -> tf.Tensor:
    """Returns each query's loss of telling its candidate from all others of the batch (Henderson et al. 2017, InfoNCE).

    What is known to fit a query, since another row has the same query with it, is nothing to tell apart.

    Args:
        vectors: float32[N, P, H], of each row the query, its candidate and any number of texts that do not fit.
        codes: int32[N, P], the same number for the same text; -1 for none.
        temperature: Divides the cosines.

    Returns:
        float32[N].
    """
    # Position by position, so that column i is the candidate of row i.
    others = _by_position(vectors[:, 1:], tf.shape(vectors)[2:])
    columns = _by_position(codes[:, 1:], tf.constant([], tf.int32))
    scores = tf.matmul(vectors[:, 0], others, transpose_b=True) / temperature
    # Whether some row of the batch pairs the row's query with the column's text, bool[N, M].
    same_query = tf.cast(codes[:, :1] == codes[None, :, 0], tf.float32)
    same_text = tf.cast(codes[:, 1:2] == columns[None, :], tf.float32)
    positives = tf.matmul(same_query, same_text) > 0
    # Each row's own column is its target.
    rows = tf.range(tf.shape(scores)[0])
    targets = tf.one_hot(rows, tf.shape(scores)[1], on_value=True, off_value=False)
    exclusions = (positives | (columns < 0)) & ~targets
    return tf.nn.sparse_softmax_cross_entropy_with_logits(rows, tf.where(exclusions, MASKED_LOGIT, scores))


def _by_position(values: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Reshapes [N, P, ...] to [P * N, ...]: the first position of all rows, then the second."""
    order = tf.concat([[1, 0], tf.range(2, tf.rank(values))], axis=0)
    return tf.reshape(tf.transpose(values, order), tf.concat([[-1], others], axis=0))
