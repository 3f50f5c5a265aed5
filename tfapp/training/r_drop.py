"""Learns answers that do not depend on dropout (Liang et al. 2021, "R-Drop: Regularized Dropout for Neural Networks").

A text x with label y passes through the network twice. Dropout draws other numbers the second time, so that there are
two distributions P1 and P2 of the answer. Both are learnt from the label, and drawn towards each other (section 2.2):

    L = L_NLL + alpha * L_KL
    L_NLL = -log P1(y | x) - log P2(y | x)
    L_KL = 1/2 * (KL(P1(. | x) || P2(. | x)) + KL(P2(. | x) || P1(. | x)))

The paper's texts all have a label. Of one that the loss learns nothing of, because it is none of the model's, the
divergence is left out, too.

Where the answer is a number, -log P is the squared error, and KL the squared difference of both answers, as the authors
have it for STS-B.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfapp.models import TaskModel

__all__ = ["RDrop"]


@dataclass(frozen=True)
class RDrop:
    """The objective of R-Drop: a sum over the rows and its divisor, as `TaskModel.batch_loss` gives them.

    A step takes twice the time of a plain one.

    Attributes:
        model: Its `soft_loss` is the divergence of two answers.
        alpha: The weight of the divergence.
    """

    model: TaskModel
    alpha: float

    def __call__(self, ids: tf.RaggedTensor, targets: Any, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the loss of a batch; see `TaskModel.batch_loss`."""
        first_logits, second_logits = (self.model.logits(ids, training=True) for _ in range(2))
        likelihoods = self.model.loss(targets, first_logits) + self.model.loss(targets, second_logits)
        divergences = (
            self.model.soft_loss(first_logits, second_logits, 1.0)
            + self.model.soft_loss(second_logits, first_logits, 1.0)
        ) / 2
        divergences = tf.where(self.model.learns(targets), divergences, 0.0)
        return tf.reduce_sum((likelihoods + self.alpha * divergences) * weights), tf.reduce_sum(weights)
