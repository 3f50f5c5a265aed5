"""Sharpness-aware minimization: gradients at the worst point near the weights (Foret et al. 2021, "SAM")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfapp.training.gradients import BatchGradients, Gradients

__all__ = ["SharpnessAware"]


class SharpnessAware:
    """Computes a batch's gradients where its loss is worst within a radius of the weights (Foret et al. 2021, "SAM").

    That point is one step up the gradient of the whole batch, of the radius' length over all the variables together.
    The variables are moved there, the gradients are computed, and they are put back. It takes twice the time of a
    plain step, and the memory of the variables once more. Dropout draws other numbers the second time.

    Args:
        compute: Computes gradients at the weights as they are.
        variables: Keras variables of the network, in the order of its gradients: those that learn, and the kernels that
            LoRA adapts.
        radius: Euclidean length of the move, "rho" in the paper.
    """

    def __init__(self, compute: BatchGradients, variables: Sequence[Any], radius: float) -> None:
        self._compute = compute
        self._variables = list(variables)
        self._radius = radius

    def __call__(self, ids: tf.RaggedTensor, targets: Any, weights: tf.Tensor) -> Gradients:
        """Returns the loss at the weights as they are, and the gradients where it is worst; see `BatchGradients`."""
        at_weights = self._compute(ids, targets, weights)
        ascent = self._compute.total(at_weights.values)
        scale = self._radius / tf.maximum(tf.linalg.global_norm(ascent), 1e-12)
        initial = [tf.identity(variable.value) for variable in self._variables]
        # All replicas move alike, so each moves its own copy.
        for variable, value, gradient in zip(self._variables, initial, ascent, strict=True):
            variable.assign(value + scale * gradient)
        at_worst = self._compute(ids, targets, weights)
        for variable, value in zip(self._variables, initial, strict=True):
            variable.assign(value)
        return Gradients(at_weights.loss, at_worst.values)
