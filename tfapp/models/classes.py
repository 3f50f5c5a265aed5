"""Labels, loss and answers of classification, shared by every network that classifies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from scipy.special import expit, log_expit, log_softmax, logit, logsumexp
from tfapp_client import contract

from tfapp.errors import ModelError
from tfapp.models.base import TaskModel
from tfapp.models.preprocessor import Preprocessor
from tfapp.models.temperature_scaling import TemperatureScaling
from tfapp.models.unknown import Unknown

__all__ = [
    "ClassificationModel",
    "mean_binary_logits",
    "mean_class_logits",
    "soft_binary_loss",
    "soft_class_loss",
]

# What `Unknown` measures by.
_ARRAYS = ("references", "radii")


class ClassificationModel(TaskModel):
    """A model that answers with one of its labels, or with any number of them.

    Attributes:
        multi_label: A text may have any number of labels; probabilities are sigmoids then, else a softmax.
        thresholds: Multi-label: the probability from which each label counts as chosen, float32[K].
        calibration: As in `TaskModel`.
        unknown: As in `TaskModel`; not of multi-label models, which may choose nothing.
        class_balance: In the loss, a label's texts count by the inverse of their number to this power; 0: alike.
        focal_gamma: In the loss, a text counts by 1 minus the probability of its label to this power; 0: all alike.
    """

    task = contract.CLASSIFICATION
    calibration: TemperatureScaling

    def __init__(
        self,
        network: keras.Model,
        preprocessor: Preprocessor,
        labels: Sequence[str],
        *,
        multi_label: bool = False,
        thresholds: Sequence[float] | None = None,
        unknown: Mapping[str, Any] | None = None,
        calibration: Mapping[str, Any] | None = None,
        class_balance: float = 0.0,
        focal_gamma: float = 0.0,
    ) -> None:
        super().__init__(network, preprocessor, labels)
        self.class_balance = class_balance
        self.focal_gamma = focal_gamma
        self._weights: np.ndarray | None = None
        self.unknown = Unknown(**unknown) if unknown else None
        self.calibration = TemperatureScaling.from_config(calibration)
        self.multi_label = multi_label
        self.thresholds = tuple(thresholds) if thresholds is not None else (0.5,) * len(self.labels)

    def encode_targets(self, labels: Sequence[Any]) -> np.ndarray:
        """Turns N labels into columns of the logits, int32[N], -1 for texts that belong to none.

        Of multi-label data it turns N sequences of labels into float32[N, K] of 0 and 1.

        Raises:
            ModelError: A label is none of the model's.
        """
        column = {label: index for index, label in enumerate(self.labels)}
        if self.unknown:
            column[self.unknown.label] = -1
        try:
            if not self.multi_label:
                return np.fromiter((column[label] for label in labels), np.int32, len(labels))
            targets = np.zeros((len(labels), len(self.labels)), np.float32)
            for row, row_labels in enumerate(labels):
                targets[row, [column[label] for label in row_labels]] = 1
        except KeyError as error:
            raise ModelError(
                f"label {error.args[0]!r} is none of the model's {len(self.labels)}: "
                f"{', '.join(self.labels[:8])}{', ...' if len(self.labels) > 8 else ''}"
            ) from error
        return targets

    def prepare(self, targets: np.ndarray) -> None:
        """Learns how much each label's texts count; over train they count 1 in the mean."""
        if self.class_balance and not self.multi_label:
            counts = np.bincount(targets[targets >= 0], minlength=len(self.labels))
            weights = np.maximum(counts, 1.0) ** -self.class_balance
            self._weights = (weights * counts.sum() / max(float(counts @ weights), 1e-9)).astype(np.float32)

    def loss(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Returns the cross-entropy of each example, float32[N]; multi-label: the mean over labels of the binary one.

        Where energy tells the unknown, a text that belongs to no label is learnt as equally far from all ("outlier
        exposure", Hendrycks et al. 2019); where a distance does, nothing is learnt of it, for the known texts would
        come to lie nearer to it.
        """
        if self.multi_label:
            return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits), axis=-1)
        classes = targets if self.unknown is None else tf.maximum(targets, 0)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(classes, logits)
        if self.focal_gamma:
            losses *= (1 - tf.exp(-losses)) ** self.focal_gamma
        if self._weights is not None:
            losses *= tf.cast(tf.gather(self._weights, classes), losses.dtype)
        if self.unknown is None:
            return losses
        uniform_losses = -tf.reduce_mean(tf.nn.log_softmax(logits), axis=-1)
        return tf.where(self.learns(targets), tf.where(targets < 0, uniform_losses, losses), 0.0)

    def learns(self, targets: tf.Tensor) -> tf.Tensor:
        """Returns of which examples `loss` learns, bool[N]: not of those of no label, unless energy tells them."""
        if self.unknown is None or self.unknown.by == "energy":
            return super().learns(targets)
        return targets >= 0

    def soft_loss(self, teacher_logits: tf.Tensor, logits: tf.Tensor, temperature: float) -> tf.Tensor:
        """Returns the divergence from a teacher's distribution, float32[N]; multi-label: its mean over labels."""
        if self.multi_label:
            return tf.reduce_mean(soft_binary_loss(teacher_logits, logits, temperature), axis=-1)
        return soft_class_loss(teacher_logits, logits, temperature)

    def mean_logits(self, logits: Sequence[np.ndarray], temperature: float) -> np.ndarray:
        """Returns logits whose probabilities at the temperature are the mean of those of an ensemble's models."""
        if self.multi_label:
            return mean_binary_logits(logits, temperature)
        return mean_class_logits(logits, temperature)

    def probabilities(self, logits: tf.Tensor, calibration: TemperatureScaling | None = None) -> tf.Tensor:
        """Returns float32[N, K] from logits, by the model's own temperatures or others."""
        scaled_logits = (calibration or self.calibration).scale(logits)
        return tf.sigmoid(scaled_logits) if self.multi_label else tf.nn.softmax(scaled_logits)

    def calibrate(self, calibration: TemperatureScaling) -> None:
        """Gives the model its temperatures, and moves the thresholds along, so that each text keeps its labels."""
        ratio = np.array(self.calibration.temperatures) / np.array(calibration.temperatures)
        self.thresholds = tuple(expit(logit(np.array(self.thresholds)) * ratio).tolist())
        self.calibration = calibration

    def answers(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns `label`, `score`, `probabilities`, `labels`, and `chosen` or `unknown_score` of models with such."""
        probabilities = self.probabilities(logits)
        names = tf.constant(self.labels, tf.string)
        rows = tf.shape(probabilities)[0]
        answers = {
            "label": tf.gather(names, tf.argmax(probabilities, axis=-1)),
            "score": tf.reduce_max(probabilities, axis=-1),
            "probabilities": probabilities,
            "labels": tf.tile(names[None, :], [rows, 1]),
        }
        if self.multi_label:
            answers["chosen"] = probabilities >= tf.constant(self.thresholds, tf.float32)
        if self.unknown:
            scores = answers["unknown_score"] = self.unknown.scores(logits)
            answers["label"] = tf.where(scores >= 0.5, self.unknown.label, answers["label"])
            answers["score"] = tf.where(scores >= 0.5, scores, answers["score"])
        return answers

    def class_config(self) -> dict[str, Any]:
        """Returns the entries of `config` that all classifiers have, whatever their network."""
        config: dict[str, Any] = {
            "labels": self.labels,
            "multi_label": self.multi_label,
            "thresholds": self.thresholds,
            "calibration": asdict(self.calibration),
        }
        if self.unknown:
            config["unknown"] = {name: value for name, value in asdict(self.unknown).items() if name not in _ARRAYS}
        return config

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns the references to which "none of these" measures distances, if it does."""
        arrays_by_name = {name: getattr(self.unknown, name) for name in _ARRAYS} if self.unknown else {}
        return {name: value for name, value in arrays_by_name.items() if value is not None}

    def load_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Loads the arrays that `arrays` returned."""
        if self.unknown:
            values: dict[str, Any] = {name: arrays[name] for name in _ARRAYS if name in arrays}
            self.unknown = replace(self.unknown, **values)


def soft_class_loss(teacher_logits: tf.Tensor, logits: tf.Tensor, temperature: float) -> tf.Tensor:
    """Returns the divergence float32[N] of distributions over classes, 0 where they agree, from logits [N, K]."""
    target = tf.nn.log_softmax(teacher_logits / temperature)
    answer = tf.nn.log_softmax(logits / temperature)
    return temperature**2 * tf.reduce_sum(tf.exp(target) * (target - answer), axis=-1)


def mean_class_logits(logits: Sequence[np.ndarray], temperature: float) -> np.ndarray:
    """Returns logits of the mean of distributions over classes: temperature * log(mean of softmax(z / temperature)).

    Args:
        logits: float32[N, K] of each model.
        temperature: What softens them.
    """
    shares = log_softmax(np.stack(logits) / temperature, axis=-1)
    mean = temperature * (logsumexp(shares, axis=0) - np.log(len(shares)))
    return np.asarray(mean, np.float32)


def mean_binary_logits(logits: Sequence[np.ndarray], temperature: float) -> np.ndarray:
    """Returns logits of the mean of independent probabilities: temperature * logit(mean of sigmoid(z / temperature)).

    Args:
        logits: float32[N, ...] of each model.
        temperature: What softens them.
    """
    scaled_logits = np.stack(logits) / temperature
    mean = temperature * (logsumexp(log_expit(scaled_logits), axis=0) - logsumexp(log_expit(-scaled_logits), axis=0))
    return np.asarray(mean, np.float32)


def soft_binary_loss(teacher_logits: tf.Tensor, logits: tf.Tensor, temperature: float) -> tf.Tensor:
    """Returns the divergence float32[N, ...] of independent probabilities, sigmoids of logits; 0 where they agree."""
    target = tf.sigmoid(teacher_logits / temperature)
    cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits(target, logits / temperature)
    return temperature**2 * (
        cross_entropy - tf.nn.sigmoid_cross_entropy_with_logits(target, teacher_logits / temperature)
    )
