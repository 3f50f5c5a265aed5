"""The answer "none of these": a limit on how far a text's logits are from those of known texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from tfapp.models.adaptive_boundaries import boundary_distance

__all__ = ["Unknown", "energy", "nearest_distance"]


@dataclass(frozen=True)
class Unknown:
    """The rule by which a classifier answers that none of its labels fits.

    Attributes:
        label: What it answers then.
        share: The share of texts of known labels that may be answered so.
        by: How far is measured. energy: by the energy of the logits (Liu et al. 2020); distance: by their distance to
            the nearest of known texts' (Sun et al. 2022, who take the features; logits did better on Banking77 and are
            shorter); guidance: by that distance, divided by the probability of the label (after Park, Chai and Yoon
            2023, "Nearest Neighbor Guidance for Out-of-Distribution Detection", who multiply the two certainties);
            boundary: by adaptive decision boundaries, see `adaptive_boundaries`; auto: to be chosen by the calibration.
        limit: How far from on it does; None before it is fitted: never.
        scale: The step by which the score rises from 0.5 to 0.73.
        known: Texts of known labels in dev, where the limit was fitted.
        refused: Those of them that it refuses.
        reason: Why it measures so; empty: the user says so.
        references: The known texts' logits, float32[M, K], or with boundaries the centroids, float32[C, K]; None before
            they are chosen, and where energy is measured.
        radii: The radii of the boundaries, float32[C].
    """

    label: str
    share: float = 0.05
    by: Literal["auto", "energy", "distance", "guidance", "boundary"] = "energy"
    limit: float | None = None
    scale: float = 1.0
    known: int = 0
    refused: int = 0
    reason: str = ""
    references: np.ndarray | None = field(default=None, compare=False, repr=False)
    radii: np.ndarray | None = field(default=None, compare=False, repr=False)

    @property
    def can_score(self) -> bool:
        """Returns whether it has the references that it compares texts with; energy needs none."""
        return self.by == "energy" or self.references is not None

    def novelty(self, logits: tf.Tensor) -> tf.Tensor:
        """Returns how unlike the known texts logits float32[N, K] are, float32[N]: a distance or an energy."""
        if self.references is None:
            return energy(logits)
        if self.by == "boundary":
            return boundary_distance(logits, self.references, self.radii)
        distances = nearest_distance(logits, self.references)
        return distances / tf.reduce_max(tf.nn.softmax(logits), axis=-1) if self.by == "guidance" else distances

    def magnitude(self, logits: tf.Tensor) -> float:
        """Returns the mean magnitude of the terms of `novelty` for logits float32[N, K], for its rounding error."""
        if self.by == "boundary":
            # Of vectors of length 1; a distance has larger rounding errors than its square.
            return 10.0
        sizes = tf.abs(energy(logits)) if self.by == "energy" else tf.reduce_sum(tf.square(logits), axis=-1)
        return float(tf.reduce_mean(sizes))

    def scores(self, logits: tf.Tensor) -> tf.Tensor:
        """Returns how sure it is that no label fits, float32[N] from 0 to 1, 0.5 at the limit, from float32[N, K]."""
        if self.limit is None:
            return tf.zeros_like(energy(logits))
        return tf.sigmoid((self.novelty(logits) - self.limit) / self.scale)


def energy(logits: Any) -> tf.Tensor:
    """Returns float[N] from logits float[N, K], higher where no class claims the text."""
    return -tf.reduce_logsumexp(logits, axis=-1)


def nearest_distance(logits: Any, references: Any) -> tf.Tensor:
    """Returns the squared distances float[N] of logits float[N, K] to the nearest of references float[M, K].

    They are squared, for a root would make much of the rounding errors beside 0, and 0 at the least.
    """
    references = tf.constant(references)
    squares = tf.reduce_sum(tf.square(references), axis=-1) - 2 * tf.matmul(logits, references, transpose_b=True)
    return tf.nn.relu(tf.reduce_sum(tf.square(logits), axis=-1) + tf.reduce_min(squares, axis=-1))
