"""Adaptive decision boundaries: a ball around each class, outside of which a text belongs to none.

Zhang, Xu and Lin 2021, "Deep Open Intent Classification with Adaptive Decision Boundary" (AAAI). With z(i) the vector
of a text of class y(i), and of each class k a centroid c(k) and a radius R(k), which is learnt as r(k):

    c(k)  = mean of the z(i) of class k
    R(k)  = softplus(r(k)) = log(1 + exp(r(k)))
    d(i)  = |z(i) - c(y(i))|
    loss  = mean over i of  D(i) (d(i) - R(y(i))) + (1 - D(i)) (R(y(i)) - d(i)),   D(i) = 1 where d(i) > R(y(i)), else 0

A ball grows where texts of its class lie outside, and shrinks where they lie inside. A text z is open where
|z - c(k)| > R(k) for all k.

Here z are the logits at unit length: on Banking77 they find more of the unknown intents than the logits as they are,
and than the vectors below them, which the authors train for it. All radii are moved by one margin, the limit of
`Unknown`, so that the share of known texts that are refused is the user's.
"""

from __future__ import annotations

from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

__all__ = ["boundary_distance", "learn_boundaries"]

_STEPS: Final = 300
# The authors' rate; it falls to 0, else a radius ends a step off its place.
_RATE: Final = 0.05


def learn_boundaries(
    logits: NDArray[np.floating], targets: NDArray[np.integer]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Learns a ball for each class from texts of the training.

    Args:
        logits: float[N, K].
        targets: int[N], the classes of the texts, all of them known.

    Returns:
        Centroids float32[C, K] and radii float32[C] of the C classes that have texts.
    """
    points = tf.math.l2_normalize(tf.constant(logits, tf.float32), axis=-1)
    _, members = np.unique(targets, return_inverse=True)
    centroids = tf.math.unsorted_segment_mean(points, members, int(members.max()) + 1)
    distances = tf.norm(points - tf.gather(centroids, members), axis=-1)
    means = tf.maximum(tf.math.unsorted_segment_mean(distances, members, len(centroids)), 1e-6)
    raw_radii = tf.Variable(tf.math.log(tf.math.expm1(means)))
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(_RATE, _STEPS))
    optimizer.build([raw_radii])

    @tf.function(autograph=False)
    def step() -> None:
        with tf.GradientTape() as tape:
            loss = boundary_loss(distances, tf.gather(tf.nn.softplus(raw_radii), members))
        # What Keras takes must be dense.
        optimizer.apply([tf.convert_to_tensor(tape.gradient(loss, raw_radii))], [raw_radii])

    for _ in range(_STEPS):
        step()
    return centroids.numpy(), tf.nn.softplus(raw_radii).numpy()


def boundary_loss(distances: tf.Tensor, radii: tf.Tensor) -> tf.Tensor:
    """Returns the boundary loss of texts, from their distances float32[N] to their centroids, and the radii there."""
    outside = tf.cast(distances > radii, tf.float32)
    return tf.reduce_mean(outside * (distances - radii) + (1 - outside) * (radii - distances))


def boundary_distance(logits: Any, centroids: Any, radii: Any) -> tf.Tensor:
    """Returns how far texts lie outside of the ball that is nearest to them, below 0 inside of it.

    Args:
        logits: float32[N, K].
        centroids: float32[C, K].
        radii: float32[C].

    Returns:
        The least of the |z - c(k)| - R(k), float32[N].
    """
    centroids, radii = tf.constant(centroids), tf.constant(radii)
    points = tf.math.l2_normalize(logits, axis=-1)
    squares = tf.reduce_sum(tf.square(points), axis=-1, keepdims=True) + tf.reduce_sum(tf.square(centroids), axis=-1)
    squares -= 2 * tf.matmul(points, centroids, transpose_b=True)
    ball = tf.argmin(tf.sqrt(tf.nn.relu(squares)) - radii, axis=-1)
    # By the difference itself: beside a centroid, the root would make much of the rounding errors of the squares.
    return tf.norm(points - tf.gather(centroids, ball), axis=-1) - tf.gather(radii, ball)
