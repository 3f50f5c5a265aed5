"""The points of a training's curves, summed up over the steps between two of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tfapp.training.observers import StepEvent
from tfapp.training.steps import StepResult

__all__ = ["StepMeter"]


@dataclass
class StepMeter:
    """Sums up steps until the next point of the curves."""

    clock: Callable[[], float]
    start_time: float = 0.0
    results: list[StepResult] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.start_time = self.clock()

    def point(self, step: int, total_steps: int, learning_rate: float) -> StepEvent:
        """Returns the point of the curves since the last one, and starts anew."""
        # Reading the values waits for the device, so the clock is read after.
        loss = float(np.mean([float(result.loss) for result in self.results]))
        tokens = sum(int(result.tokens) for result in self.results)
        seconds = max(self.clock() - self.start_time, 1e-9)
        seconds_left = seconds / len(self.results) * (total_steps - step)
        norm = float(self.results[-1].gradient_norm)
        self.results, self.start_time = [], self.clock()
        return StepEvent(step, total_steps, loss, learning_rate, norm, tokens / seconds, seconds_left)
