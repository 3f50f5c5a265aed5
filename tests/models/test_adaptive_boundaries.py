"""Adaptive decision boundaries against what their loss is least at, and against the paper's rule."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.distance import cdist

from tfapp.models.adaptive_boundaries import boundary_distance, boundary_loss, learn_boundaries

TARGETS = np.random.default_rng(0).permutation(np.repeat([0, 1, 3], [60, 25, 7]))
# Each class spreads as far as it likes.
LOGITS = (8 * np.eye(4)[TARGETS] + np.random.default_rng(1).normal(size=(92, 4)) * (1 + TARGETS)[:, None]).astype(
    np.float32
)
POINTS = LOGITS / np.linalg.norm(LOGITS, axis=1, keepdims=True)


def test_the_loss_is_how_far_texts_are_from_the_surface() -> None:
    assert boundary_loss(tf.constant([1.0, 3.0]), tf.constant([2.0, 2.5])).numpy() == pytest.approx((1.0 + 0.5) / 2)


def test_balls_are_where_the_loss_is_least() -> None:
    centroids, radii = learn_boundaries(LOGITS, TARGETS)
    assert (centroids.shape, radii.shape) == ((3, 4), (3,))
    for number, label in enumerate((0, 1, 3)):
        members = POINTS[label == TARGETS]
        np.testing.assert_allclose(centroids[number], members.mean(axis=0), atol=1e-6)
        # Of absolute differences to one number, the sum is least at their median.
        distances = np.linalg.norm(members - centroids[number], axis=1)
        middle = np.sort(distances)[[(len(distances) - 1) // 2 - 1, len(distances) // 2 + 1]]
        assert middle[0] <= radii[number] <= middle[1]


def test_a_text_is_open_outside_of_every_ball() -> None:
    centroids, radii = learn_boundaries(LOGITS, TARGETS)
    vectors = np.random.default_rng(2).normal(size=(200, 4)).astype(np.float32)
    distances = cdist(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), centroids)
    margins = boundary_distance(vectors, centroids, radii).numpy()
    np.testing.assert_array_equal(margins > 0, (distances > radii).all(axis=1))
    np.testing.assert_allclose(margins, (distances - radii).min(axis=1), atol=1e-5)
    assert 0 < np.mean(margins > 0) < 1


def test_a_class_of_one_text_has_a_ball_of_nearly_no_size() -> None:
    centroids, radii = learn_boundaries(np.array([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]]), np.array([0, 1, 1]))
    assert radii[0] < 1e-3
    assert boundary_distance(np.array([[2.0, 0.0]], np.float32), centroids, radii).numpy()[0] == pytest.approx(
        0, abs=1e-3
    )
