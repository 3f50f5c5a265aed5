"""The output of a running training, for a person or a program."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING

from tfapp.core.terminal import Advance, print_json, progress

if TYPE_CHECKING:
    from tfapp.training import EpochEvent, StepEvent

__all__ = ["TrainingLines", "TrainingProgress"]


class TrainingProgress(ExitStack):
    """Shows a training as a bar with loss, speed and time left; nothing where standard error is no terminal."""

    def __init__(self) -> None:
        super().__init__()
        self._advance: Advance | None = None
        self._total = 0
        self._note = ""

    def on_start(self, step: int, total_steps: int) -> None:
        """Draws the bar, in place of another phase's."""
        self.close()
        self._total = total_steps
        self._advance = self.enter_context(progress("Training", "steps"))
        self._advance(step, total_steps)

    def on_progress(self, step: int) -> None:
        """Moves the bar."""
        if self._advance:
            self._advance(step, self._total, self._note)

    def on_step(self, event: StepEvent) -> None:
        """Shows loss and speed."""
        self._note = f"loss {event.loss:.3f}  {event.tokens_per_second:,.0f} tokens/s"

    def on_epoch(self, event: EpochEvent) -> None:
        """Shows the dev score beside the bar."""
        self._note = f"epoch {event.epoch}: dev {event.dev.main_name} {event.dev.main_score:.4f}"


class TrainingLines:
    """Prints a training for a program to read: one JSON object a line on standard output."""

    def on_start(self, step: int, total_steps: int) -> None:
        """Says where it starts."""
        print_json({"event": "start", "step": step, "total_steps": total_steps})

    def on_progress(self, step: int) -> None:
        """Prints nothing: a line a step would be too many."""

    def on_step(self, event: StepEvent) -> None:
        """Prints a point of the curves."""
        print_json({"event": "step", **asdict(event)})

    def on_epoch(self, event: EpochEvent) -> None:
        """Prints the dev scores."""
        dev = {"loss": event.dev.loss, "score": event.dev.main_score, "score_name": event.dev.main_name}
        fit = {} if event.penalty is None else {"penalty": event.penalty}
        print_json(
            {"event": "epoch", "epoch": event.epoch, "step": event.step, "best": event.best} | fit | {"dev": dev}
        )
