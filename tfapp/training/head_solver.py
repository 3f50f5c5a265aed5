"""Solves for the best head on given vectors by L-BFGS, with one penalty or with that which held-out folds choose."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
import tensorflow as tf
from scipy.optimize import minimize

from tfapp.errors import TrainingError
from tfapp.models import TaskModel
from tfapp.training.features import feature_scale

__all__ = ["DEFAULT_PENALTY", "FOLDS", "PATIENCE", "PENALTIES", "HeadSolver", "cross_validate"]

# Of half the squared kernel, against the sum of the losses, features at a root mean square length of 1: 1 / C of a
# logistic regression. From strong to weak, so that each fit starts near its end.
PENALTIES: Final = tuple(10.0 ** (power / 2) for power in range(2, -7, -1))
# Where there is no dev split to choose it: of 10 texts a label of Banking77 a third and three times as much do as well.
DEFAULT_PENALTY: Final = 10.0**-1.5
# The dev loss falls to its minimum along the penalties and rises again; what comes after takes longest.
PATIENCE: Final = 2
FOLDS: Final = 5


class HeadSolver:
    """Finds the best weights of a model's head for features, by L-BFGS.

    Args:
        model: Has a `head` and a loss that is convex in the logits.
        features: float32[N, H].
        targets: [N, ...], as `TaskModel.encode_targets` gives them.

    Raises:
        TrainingError: The features are not finite.
    """

    def __init__(self, model: TaskModel, features: np.ndarray, targets: np.ndarray) -> None:
        if not np.isfinite(features).all():
            raise TrainingError("the backbone gives features that are no numbers; use training.precision float32")
        self._model = model
        self._size = feature_scale(features)
        self._features = tf.constant(features / self._size, tf.float64)
        # In float64, else L-BFGS ends in the loss's rounding errors before it ends at the minimum.
        self._targets = tf.constant(targets, tf.float64 if targets.dtype.kind == "f" else None)
        self._weights = np.zeros((features.shape[1] + 1, int(model.head.kernel.shape[1])))
        self._objective = tf.function(self._trace, autograph=False)

    def fit(self, penalty: float, *, rough: bool = False) -> None:
        """Finds the kernel and bias of a penalty, from those of the last one, and gives them to the head.

        The penalty is that of half the squared kernel, against the sum of the losses. A rough fit, to compare penalties
        by, ends where the loss changes in its fifth digit.
        """
        options = {"maxiter": 1000, "gtol": 1e-4 if rough else 1e-6, "ftol": 1e-5 if rough else 1e-12}
        objective = partial(self.evaluate, penalty=penalty)
        solution = minimize(objective, self._weights.ravel(), jac=True, method="L-BFGS-B", options=options)
        self._weights = solution.x.reshape(self._weights.shape)
        self._model.head.kernel.assign((self._weights[:-1] / self._size).astype(np.float32))
        self._model.head.bias.assign(self._weights[-1].astype(np.float32))

    def evaluate(self, weights: np.ndarray, penalty: float) -> tuple[float, np.ndarray]:
        """Returns the loss that a fit minimizes, and its gradient float64[(H + 1) * K].

        Args:
            weights: float64[(H + 1) * K], those of the kernel before those of the bias.
            penalty: As in `fit`.
        """
        share = tf.constant(penalty / len(self._features), tf.float64)
        value, gradient = self._objective(tf.constant(weights.reshape(self._weights.shape)), share)
        return float(value), gradient.numpy().ravel()

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Returns the logits of the last fit for other rows, float32[N, K]."""
        return (features / self._size @ self._weights[:-1] + self._weights[-1]).astype(np.float32)

    def _trace(self, weights: tf.Tensor, penalty: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(weights)
            kernel, bias = weights[:-1], weights[-1]
            losses = self._model.loss(self._targets, tf.matmul(self._features, kernel) + bias)
            value = tf.reduce_mean(losses) + penalty * tf.nn.l2_loss(kernel)
        return value, tape.gradient(value, weights)


def cross_validate(
    model: TaskModel,
    features: np.ndarray,
    targets: np.ndarray,
    *,
    seed: int,
    on_fit: Callable[[], None] = lambda: None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[float, np.ndarray]:
    """Chooses one of `PENALTIES` by the loss on held-out folds, each of which has every class in its share.

    Five heads with their parts of the features are in memory at once: for few rows.

    Args:
        model: As in `HeadSolver`, which changes its head.
        features: float32[N, H], N of 2 or more.
        targets: [N, ...].
        seed: Of the folds.
        on_fit: Called after each fit.
        stop: Says after each penalty whether the search ends.

    Returns:
        The penalty, and by it the logits of each row, float32[N, K], from the fit that its fold was held out of.
    """
    count, folds = len(features), min(FOLDS, len(features))
    strata = targets if targets.ndim == 1 else np.zeros(count)
    numbers = np.empty(count, np.int64)
    numbers[np.lexsort((np.random.default_rng(seed).random(count), strata))] = np.arange(count) % folds
    fits = [HeadSolver(model, features[numbers != fold], targets[numbers != fold]) for fold in range(folds)]
    losses: list[float] = []
    best = np.zeros((count, int(model.head.kernel.shape[1])), np.float32)
    for penalty in PENALTIES:
        held_out = np.empty_like(best)
        for fold, fit in enumerate(fits):
            fit.fit(penalty, rough=True)
            held_out[numbers == fold] = fit.logits(features[numbers == fold])
            on_fit()
        losses.append(float(tf.reduce_mean(model.loss(tf.constant(targets), tf.constant(held_out)))))
        best = held_out if losses[-1] == min(losses) else best
        if len(losses) - 1 - int(np.argmin(losses)) >= PATIENCE or stop():
            break
    return PENALTIES[int(np.argmin(losses))], best
