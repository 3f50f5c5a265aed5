"""The progress of a running training."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from tfapp.core.progress import Advance
from tfapp.core.progress_bar import progress

if TYPE_CHECKING:
    from tfapp.training import EpochEvent, StepEvent

__all__ = ["TrainingProgress"]


class TrainingProgress(ExitStack):
    """Shows a training as a bar with loss, speed and time left; nothing where standard error is no terminal."""

    def __init__(self) -> None:
        super().__init__()
        self._advance: Advance | None = None
        self._total = 0
        self._note = ""

    def on_start(self, step: int, total_steps: int) -> None:
        """Draws the bar, instead of an earlier phase's."""
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
        self._total = event.total_steps
        self._note = f"loss {event.loss:.3f}  {event.tokens_per_second:,.0f} tokens/s"

    def on_epoch(self, event: EpochEvent) -> None:
        """Shows the dev score beside the bar."""
        self._note = f"epoch {event.epoch}: dev {event.dev.main_name} {event.dev.main_score:.4f}"
