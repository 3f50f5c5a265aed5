"""AdaLoRA (Zhang et al. 2023): updates like singular value decompositions, which share a budget of ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import keras
import numpy as np
import tensorflow as tf

from tfapp.models.adapters.base import KernelAdapter

__all__ = ["RankAllocator", "SingularValueUpdate", "budget_at"]

# Section 3.3 of the paper: "we set b(0) as 1.5 times of b(T)".
_START_RATIO: Final = 1.5
# Of the normal distribution that P and Q are drawn from, as in the authors' code (loralib/adalora.py).
_SPREAD: Final = 0.02
# The paper's beta_1 and beta_2, for all of its experiments.
_SMOOTHING: Final = 0.85


class SingularValueUpdate(KernelAdapter):
    """A kernel that learns by a product in the form of a singular value decomposition (Zhang et al. 2023, "AdaLoRA").

    With r the rank, and L the diagonal matrix of r singular values:

        W = W0 + s P L Q,    P: rows x r,    Q: r x columns,    L = 0 at first
        dP = s dW Q^T L,    dQ = s L P^T dW,    dL = s diag(P^T dW Q^T)

    P and Q are kept close to orthogonal by a penalty (equation 4), so that a singular value says how much its triplet
    of column, value and row adds, and may be set to 0 without changing the others:

        R(P, Q) = ||P^T P - I||_F^2 + ||Q Q^T - I||_F^2
    """

    method: ClassVar[str] = "adalora"

    def make_weights(self, seed: int) -> dict[str, Any]:
        """Returns P and Q, from a normal distribution, and the singular values, float32[r], zeros."""
        rows, columns = self.shape
        # One normal draw for both: the same seed would give both the same first numbers.
        normal = keras.initializers.RandomNormal(stddev=_SPREAD, seed=seed)((rows + columns, self.rank))
        return {
            "p": keras.Variable(normal[:rows], name="adalora_p"),
            "singular_values": keras.Variable(tf.zeros(self.rank), name="adalora_singular_values"),
            "q": keras.Variable(tf.transpose(normal[rows:]), name="adalora_q"),
        }

    def matrix(self) -> tf.Tensor:
        """Returns the kernel W."""
        p, values, q = (weight.value for weight in self.weights.values())
        return self.initial + self.scale * tf.matmul(p * values, q)

    def matrix_gradients(self, gradient: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Returns the gradients dP, dL and dQ of the loss without the penalty."""
        p, values, q = (weight.value for weight in self.weights.values())
        scaled_gradient = self.scale * gradient
        right, left = tf.matmul(scaled_gradient, q, transpose_b=True), tf.matmul(p, scaled_gradient, transpose_a=True)
        return right * values, tf.reduce_sum(p * right, axis=0), left * values[:, None]

    def penalty(self) -> tf.Tensor:
        """Returns the penalty R."""
        return tf.add_n([tf.reduce_sum(tf.square(distance)) for distance in self._distances()])

    def penalty_gradients(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the gradients of R by P and by Q: 4 P (P^T P - I) and 4 (Q Q^T - I) Q."""
        of_p, of_q = self._distances()
        return 4.0 * tf.matmul(self.weights["p"].value, of_p), 4.0 * tf.matmul(of_q, self.weights["q"].value)

    def _distances(self) -> tuple[tf.Tensor, tf.Tensor]:
        p, q, unit = self.weights["p"].value, self.weights["q"].value, tf.eye(self.rank)
        return tf.matmul(p, p, transpose_a=True) - unit, tf.matmul(q, q, transpose_b=True) - unit

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns P, L and Q without the triplets whose singular value is 0."""
        p, values, q = super().arrays().values()
        triplets = np.flatnonzero(values)
        return {"p": p[:, triplets], "singular_values": values[triplets], "q": q[triplets]}

    @staticmethod
    def count(rows: int, columns: int, rank: int) -> int:
        """Returns how many numbers P, L and Q are."""
        return rank * (rows + columns + 1)

    @staticmethod
    def first_rank(rank: int) -> int:
        """Returns 1.5 times the rank that is to be left in the mean."""
        return round(_START_RATIO * rank)


def budget_at(step: int, total_steps: int, *, first: int, last: int, warmup: int, final: int) -> int:
    """Returns how many singular values may be left after so many steps (equation 12).

    With t the step, T all of them, ti and tf those of warm-up and final phase:

        b(t) = b(0)                                                          for t < ti
               b(T) + (b(0) - b(T)) (1 - (t - ti) / (T - ti - tf))^3         for ti <= t < T - tf
               b(T)                                                          from there on
    """
    if step >= total_steps - final:
        return last
    if step < warmup:
        return first
    progress = (step - warmup) / (total_steps - warmup - final)
    return round(last + (first - last) * (1.0 - progress) ** 3)


class RankAllocator:
    """The allocation of a budget of singular values to the updates that need them most (algorithm 1).

    After each step, every weight w with the gradient g is as important as its smoothed sensitivity times the smoothed
    uncertainty of it (equations 8 to 11, with the weights before the step):

        I = |w g|,    I' = beta I' + (1 - beta) I,    U' = beta U' + (1 - beta) |I - I'|,    s(w) = I' U'

    and a triplet is as important as its value and the mean of its column of P and its row of Q (equation 7):

        S = s(L_i) + mean over j of s(P_ji) + mean over j of s(Q_ij)

    Every few steps, the singular values of all triplets but the b(t) most important ones are set to 0. They may grow
    again before the next time. From the beginning of the final phase those that are left stay the same, and only they
    learn.

    Args:
        updates: Those that share the budget; made in the scope that the allocator is made in.
        target: How many singular values are left at the end, b(T).
        warmup_share: The share of all steps before the first allocation.
        final_share: The share of all steps after the last one.
        interval: Steps between two allocations.
        penalty: The factor of R in the loss, "gamma".

    Attributes:
        state: Variables that a training which goes on needs.
    """

    def __init__(
        self,
        updates: Sequence[SingularValueUpdate],
        *,
        target: int,
        warmup_share: float,
        final_share: float,
        interval: int,
        penalty: float,
    ) -> None:
        self._updates = list(updates)
        self._weights = [weight for update in updates for weight in update.weights.values()]
        self._first, self._target = sum(update.rank for update in updates), target
        self._warmup_share, self._final_share = warmup_share, final_share
        self._interval, self._penalty = interval, penalty
        self._means, self._deviations = (
            [keras.Variable(tf.zeros(weight.shape), trainable=False, name=name) for weight in self._weights]
            for name in ("sensitivity", "uncertainty")
        )
        self._mask = keras.Variable(tf.ones(self._first), trainable=False, name="mask")
        self._budget = keras.Variable(float(self._first), trainable=False, name="budget")
        self._settled = keras.Variable(0.0, trainable=False, name="settled")
        self.state = [*self._means, *self._deviations, self._mask, self._budget, self._settled]
        self._settled_value: bool | None = None
        self._apply_mask = tf.function(self._mask_values, autograph=False)

    @property
    def budget(self) -> int:
        """Returns how many singular values the last allocation left."""
        return int(self._budget.numpy())

    def penalize(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Adds the penalty's gradients to those of all updates' weights, which are in the updates' order."""
        penalized_gradients = []
        for number, update in enumerate(self._updates):
            of_p, of_values, of_q = gradients[3 * number : 3 * number + 3]
            more_p, more_q = update.penalty_gradients()
            penalized_gradients += [of_p + self._penalty * more_p, of_values, of_q + self._penalty * more_q]
        return penalized_gradients

    def sensitivities(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Returns the sensitivities I of all weights, from the batch's gradients; call it before the weights change."""
        pairs = zip(self._weights, gradients, strict=True)
        return [tf.abs(weight.value * gradient) for weight, gradient in pairs]

    def observe(self, sensitivities: Sequence[tf.Tensor]) -> None:
        """Updates the smoothed sensitivities and uncertainties with the sensitivities I of a step."""
        states = zip(self._means, self._deviations, sensitivities, strict=True)
        for mean, deviation, sensitivity in states:
            smooth = _SMOOTHING * mean.value + (1.0 - _SMOOTHING) * sensitivity
            uncertainty = tf.abs(sensitivity - smooth)
            mean.assign(smooth)
            deviation.assign(_SMOOTHING * deviation.value + (1.0 - _SMOOTHING) * uncertainty)

    def scores(self) -> np.ndarray:
        """Returns the importances S of all triplets, in the updates' order."""
        importances = [
            mean.numpy() * deviation.numpy() for mean, deviation in zip(self._means, self._deviations, strict=True)
        ]
        triplets = zip(importances[::3], importances[1::3], importances[2::3], strict=True)
        return np.concatenate([values + p.mean(axis=0) + q.mean(axis=1) for p, values, q in triplets])

    def allocate(self, step: int, total_steps: int) -> None:
        """Sets to 0 the singular values beyond the budget of this step.

        `total_steps` may change while the training goes on; the budget never rises.
        """
        warmup, final = (round(share * total_steps) for share in (self._warmup_share, self._final_share))
        last = step >= total_steps - final
        if self._is_settled() or (not last and (step < warmup or step % self._interval)):
            return
        spans = {"first": self._first, "last": self._target, "warmup": warmup, "final": final}
        budget = min(self.budget, budget_at(step, total_steps, **spans))
        mask = np.zeros(self._first, np.float32)
        mask[np.argsort(-self.scores(), kind="stable")[:budget]] = 1.0
        self._mask.assign(mask)
        self._budget.assign(float(budget))
        self._settled.assign(float(last))
        self._settled_value = last
        self._apply_mask()

    def hold(self) -> None:
        """Resets to 0 the singular values that the final phase left out, which the optimizer or an average may move."""
        if self._is_settled():
            self._apply_mask()

    def _is_settled(self) -> bool:
        """Returns whether the final phase has begun; reads the variable, which waits for the device, only once."""
        if self._settled_value is None:
            self._settled_value = bool(self._settled.numpy())
        return self._settled_value

    def _mask_values(self) -> None:
        masks = tf.split(self._mask.value, [update.rank for update in self._updates])
        for update, mask in zip(self._updates, masks, strict=True):
            values = update.weights["singular_values"]
            values.assign(values.value * mask)
