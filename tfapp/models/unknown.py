"""The answer "none of these": a limit on the energy of a text's logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

__all__ = ["Unknown", "energy"]


@dataclass(frozen=True)
class Unknown:
    """When a classifier answers that none of its labels fits: by the energy of the logits (Liu et al. 2020).

    Attributes:
        label: What it answers then.
        share: The share of texts of known labels that may be answered so, where no others show where the limit lies.
        limit: The energy from which on it does; None before it is fitted: never.
        scale: The energy by which the score rises from 0.5 to 0.73.
    """

    label: str
    share: float = 0.05
    limit: float | None = None
    scale: float = 1.0

    def scores(self, logits: tf.Tensor) -> tf.Tensor:
        """How sure it is that no label fits, float32[N] from 0 to 1, 0.5 at the limit, from logits float32[N, K]."""
        energies = energy(logits)
        if self.limit is None:
            return tf.zeros_like(energies)
        return tf.sigmoid((energies - self.limit) / self.scale)


def energy(logits: Any) -> tf.Tensor:
    """float[N] from logits float[N, K], higher where no class claims the text."""
    return -tf.reduce_logsumexp(logits, axis=-1)
