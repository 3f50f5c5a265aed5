"""A bound on the time of trainings, and how many steps it leaves room for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from tfapp.config import TrainingSettings

__all__ = ["CLOSING_SECONDS", "STEP_PASSES", "StepBudget", "TimeBudget", "step_cost"]

STEP_PASSES: Final = 3
"""A step computes forward and backward, and the gradients of the weights: three times the work of reading (Kaplan et
al. 2020, "Scaling Laws for Neural Language Models", section 2.1)."""
CLOSING_SECONDS: Final = 3.0
"""The time to write the weights and to read them again. To trace how they answer takes as long as the first step
at most, which is traced, too, whatever else the machine does."""


def step_cost(settings: TrainingSettings) -> float:
    """Returns how much longer a step of the settings takes than a plain one, which is 1."""
    # Passes forward and back, of which the latter take twice as long; a pass back to the embeddings alone once.
    passes = 7 / 3 if settings.fgm_epsilon else 2 if settings.r_drop_alpha else 1
    texts_per_row = 2 if settings.compares_vectors else 1
    return passes * texts_per_row * (2 if settings.sam_rho else 1)


class TimeBudget:
    """A bound on the time of several trainings together.

    Args:
        seconds: The bound.
        spent_seconds: What an earlier process had used of it when it ended.
        clock: Monotonic seconds.
    """

    def __init__(
        self, seconds: float, *, spent_seconds: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.clock = clock
        self._seconds = seconds
        self._start_time = clock() - spent_seconds

    @property
    def elapsed(self) -> float:
        """Returns the seconds since the beginning, those of an earlier process included."""
        return self.clock() - self._start_time

    @property
    def seconds_left(self) -> float:
        """Returns the seconds that are left; negative when it is over."""
        return self._seconds - self.elapsed


class StepBudget:
    """Says how many steps of a training there is time for, by the speed of those that were done.

    Args:
        time: What is left for the training and for what follows on it.
        epoch_steps: Steps of an epoch.
        dev_steps: Batches of the dev split, which is read after each epoch, and once more to calibrate the weights.
        later_steps: Batches that are read when the steps are done.
    """

    def __init__(self, time: TimeBudget, *, epoch_steps: int, dev_steps: float, later_steps: float = 0.0) -> None:
        self._time = time
        self._passes_after = (2 * dev_steps + later_steps) / STEP_PASSES
        # Each step bears its share of the reading of dev.
        self._cost = 1 + dev_steps / STEP_PASSES / max(epoch_steps, 1)
        self._seconds, self._steps = 0.0, 0
        self._start_time = time.clock()
        self._tracing_seconds: float | None = None

    @property
    def is_over(self) -> bool:
        """Returns whether the time left is only enough for the work after the steps."""
        return self._time.seconds_left <= self._closing_seconds

    @property
    def steps_left(self) -> float:
        """Returns how many steps more there is time for; infinite before any was measured."""
        seconds = self._step_seconds * self._cost
        return max(0.0, self._time.seconds_left - self._closing_seconds) / seconds if seconds else math.inf

    def begin(self, step: int) -> None:
        """Starts the measurement: `step` steps are done, and the first took longer because it was traced."""
        self._mark = (self._time.clock(), step)
        if self._tracing_seconds is None:
            self._tracing_seconds = self._mark[0] - self._start_time

    def record(self, step: int) -> None:
        """Takes the time of the steps since `begin`, or since the last call: the device has done `step` steps."""
        start, before = self._mark
        self._seconds += self._time.clock() - start
        self._steps += step - before
        self._mark = (self._time.clock(), step)

    @property
    def _step_seconds(self) -> float:
        return self._seconds / self._steps if self._steps else 0.0

    @property
    def _closing_seconds(self) -> float:
        return CLOSING_SECONDS + (self._tracing_seconds or 0.0) + self._passes_after * self._step_seconds
