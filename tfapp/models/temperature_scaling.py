"""Temperature scaling as a part of a model: divides logits by the temperatures that calibrate its probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import tensorflow as tf

__all__ = ["TemperatureScaling"]


@dataclass(frozen=True)
class TemperatureScaling:
    """The temperatures of a trained model (Guo et al., "On Calibration of Modern Neural Networks", 2017).

    They change probabilities only: the order of a text's logits, and with it the model's answer, remains. Training,
    distillation and the answer "none of these" read the logits as the network gives them.

    Attributes:
        temperatures: One for all logits, or one a label; 1 changes nothing.
        rows: The rows, of dev or held out by cross-validation, that they were fitted on; 0 where they were not fitted.
        reason: Why they were not fitted; empty where they were.
    """

    temperatures: tuple[float, ...] = (1.0,)
    rows: int = 0
    reason: str = "the model has not been calibrated"

    @classmethod
    def from_config(cls, values: Mapping[str, Any] | None) -> Self:
        """Returns the temperatures in a model's config; temperature 1 where it has none, as earlier versions wrote."""
        return cls(**dict(values) | {"temperatures": tuple(values["temperatures"])}) if values else cls()

    def scale(self, logits: tf.Tensor) -> tf.Tensor:
        """Divides logits float[N, K] by the temperatures."""
        return logits / tf.constant(self.temperatures, logits.dtype)
