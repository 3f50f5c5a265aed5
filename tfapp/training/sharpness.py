"""Sharpness-aware minimization: weights around which the loss is low, not at one point alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfapp.training.gradients import BatchGradients, Gradients

__all__ = ["SharpnessAware"]


class SharpnessAware:
    """Computes a batch's gradients where its loss is worst within a radius of the weights (Foret et al. 2021, "SAM").

    That place is one step up the gradient, of the radius' length over all weights together. The weights are moved
    there, the gradients are computed, and the weights are put back. It takes twice the time of a plain step, and the
    memory of the weights once more. Dropout draws other numbers the second time.

    Args:
        compute: Computes gradients at the weights as they are.
        variables: Keras variables of the network, in the order of its gradients.
        strategy: What the step runs under. All replicas move alike, by the gradients of the whole batch.
        radius: Euclidean length of the move, "rho" in the paper.
    """

    def __init__(
        self, compute: BatchGradients, variables: Sequence[Any], strategy: tf.distribute.Strategy, radius: float
    ) -> None:
        self._compute = compute
        self._variables = [variable.value for variable in variables]
        self._replicas = strategy.num_replicas_in_sync
        self._radius = radius

    def __call__(self, ids: tf.RaggedTensor, targets: Any, weights: tf.Tensor) -> Gradients:
        """Computes, inside a replica; the arguments and what the loss is are those of `BatchGradients`.

        Returns:
            The loss at the weights as they are, the gradients where it is worst.
        """
        here = self._compute(ids, targets, weights)
        up = self._compute.total(here.values)
        scale = self._radius / tf.maximum(tf.linalg.global_norm(up), 1e-12)
        kept = [tf.identity(variable) for variable in self._variables]
        self._assign([value + scale * gradient for value, gradient in zip(kept, up, strict=True)])
        there = self._compute(ids, targets, weights)
        self._assign(kept)
        return Gradients(here.loss, there.values)

    def _assign(self, values: Sequence[tf.Tensor]) -> None:
        if self._replicas == 1:
            for variable, value in zip(self._variables, values, strict=True):
                variable.assign(value)
        else:
            # Each replica has its copy, and all of them the same value.
            tf.distribute.get_replica_context().merge_call(self._assign_copies, args=(list(values),))

    def _assign_copies(self, strategy: tf.distribute.Strategy, values: Sequence[Any]) -> None:
        for variable, value in zip(self._variables, values, strict=True):
            strategy.extended.update(variable, lambda copy, new: copy.assign(new), args=(value,))
