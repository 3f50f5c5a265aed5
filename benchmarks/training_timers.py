"""Times training.py's workers from the callbacks of their frameworks; needs the standard library alone."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["TargetTimer", "TrainingTimer", "TurnTimer", "make_timer"]


class TrainingTimer(Protocol):
    """A timer, which a callback tells what happens.

    A training asks for nothing: where it has to wait for a question, it stands in the callback.
    """

    def start(self) -> None:
        """Notes that the first step comes next."""

    def step(self, tokens: int) -> None:
        """Notes that a step was done on a batch of so many tokens, padding not counted."""

    def pause(self) -> None:
        """Notes that what follows is no training."""

    def resume(self) -> None:
        """Notes that training goes on."""

    def end(self) -> None:
        """Notes that there are no more steps."""


class _Stopwatch:
    """A stopwatch of the seconds since it was made, without those in which it stood."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._passed = 0.0
        self._since: float | None = clock()

    @property
    def seconds(self) -> float:
        return self._passed + (0.0 if self._since is None else self._clock() - self._since)

    def pause(self) -> None:
        self._passed, self._since = self.seconds, None

    def resume(self) -> None:
        self._since = self._clock()


class _QuestionReader:
    """Reads questions, and answers on what was standard output: frameworks print on it, too."""

    def __init__(self, wait: Callable[[], None]) -> None:
        self.wait = wait
        self.clock = _Stopwatch()
        self._answers, sys.stdout = sys.stdout, sys.stderr

    def pause(self) -> None:
        self.clock.pause()

    def resume(self) -> None:
        self.clock.resume()

    def ask(self) -> list[str]:
        """Returns the next question's words; the process ends where there is none."""
        line = sys.stdin.readline()
        if not line:
            raise SystemExit
        return line.split()

    def answer(self, value: Any) -> None:
        print(json.dumps(value), file=self._answers, flush=True)


class TurnTimer(_QuestionReader):
    """Lets a training go on for a turn at a time: each question is `SECONDS STEPS`, both at least.

    Args:
        wait: Returns when the device has done what it was told.
    """

    def start(self) -> None:
        seconds, steps = self.ask()
        self._seconds, self._steps = float(seconds), int(steps)
        self._done = self._tokens = 0
        self.clock = _Stopwatch()
        self._work = _Stopwatch(time.process_time)

    def step(self, tokens: int) -> None:
        self._done += 1
        self._tokens += tokens
        if self._done < self._steps or self.clock.seconds < self._seconds:
            return
        self.wait()
        seconds = {"seconds": self.clock.seconds, "cpu_seconds": self._work.seconds}
        self.answer({"tokens": self._tokens, "steps": self._done} | seconds)
        self.start()

    def pause(self) -> None:
        super().pause()
        self._work.pause()

    def resume(self) -> None:
        super().resume()
        self._work.resume()

    def end(self) -> None:
        raise SystemExit("the training ended before it was told to")


class TargetTimer(_QuestionReader):
    """Asks for the accuracy every so many steps, the clock standing meanwhile, until it is reached.

    Args:
        wait: Returns when the device has done what it was told.
        accuracy: Where to stop.
        every: Steps between two evaluations.
        evaluate: Gives the accuracy now.
    """

    def __init__(self, wait: Callable[[], None], accuracy: float, every: int, evaluate: Callable[[], float]) -> None:
        super().__init__(wait)
        self._accuracy, self._every, self._evaluate = accuracy, every, evaluate
        self._done = 0
        self._points: list[dict[str, float]] = []

    def start(self) -> None:
        self.ask()
        self.clock = _Stopwatch()

    def step(self, tokens: int) -> None:
        del tokens
        self._done += 1
        if self._done % self._every:
            return
        self.wait()
        self.pause()
        accuracy = self._evaluate()
        self._points.append({"step": self._done, "seconds": self.clock.seconds, "accuracy": accuracy})
        if accuracy >= self._accuracy:
            self.end()
        self.resume()

    def end(self) -> None:
        self.answer(self._points)
        raise SystemExit


def make_timer(mode: str, wait: Callable[[], None], evaluate: Callable[[], float]) -> TrainingTimer:
    """Returns the timer that a worker's argument names: `turns`, or `reach:ACCURACY:STEPS`."""
    name, *values = mode.split(":")
    if name == "turns":
        return TurnTimer(wait)
    return TargetTimer(wait, float(values[0]), int(values[1]), evaluate)
