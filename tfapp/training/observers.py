"""The events of a training, and the observers that write them to the history and to TensorBoard's files."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from tfapp.core.files import write_text
from tfapp.training.tensorboard import TensorBoardLog

if TYPE_CHECKING:
    from tfapp.evaluation.base import Evaluation

__all__ = ["EpochEvent", "HistoryObserver", "Observer", "StepEvent", "TensorBoardObserver"]


@dataclass(frozen=True)
class StepEvent:
    """A point of the training curves.

    Attributes:
        step: Steps done.
        total_steps: Steps of the whole training.
        loss: Mean training loss since the last point.
        learning_rate: Of the last step.
        gradient_norm: Of the last step, before clipping.
        tokens_per_second: Real tokens since the last point.
        seconds_left: An estimate for all epochs.
    """

    step: int
    total_steps: int
    loss: float
    learning_rate: float
    gradient_norm: float
    tokens_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class EpochEvent:
    """The end of an epoch, or of a fit of the head, evaluated on the dev split.

    Attributes:
        epoch: Counted from 1.
        step: Steps done.
        dev: The evaluation.
        best: Whether it is the best so far, whose weights are kept.
        penalty: Of a fit of the head: the penalty on its kernel.
    """

    epoch: int
    step: int
    dev: Evaluation
    best: bool
    penalty: float | None = None


class Observer(Protocol):
    """Watches a training; those that are based on it ignore the events whose methods they leave out."""

    def on_start(self, step: int, total_steps: int) -> None:
        """Is called when training starts, or goes on after `step` steps."""
        del step, total_steps

    def on_progress(self, step: int) -> None:
        """Is called after a step; most observers wait for a point of the curves."""
        del step

    def on_step(self, event: StepEvent) -> None:
        """Is called with a point of the curves."""
        del event

    def on_epoch(self, event: EpochEvent) -> None:
        """Is called at the end of an epoch."""
        del event


class HistoryObserver(Observer):
    """Writes one JSON line an event; a resumed run first drops the lines after its checkpoint.

    Each line has the `seconds` that the training had taken by then; those that a killed process lost are not counted.

    Args:
        file: The `history.jsonl`.
        clock: Monotonic seconds.
    """

    def __init__(self, file: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._clock = clock
        self._started = clock()

    def on_start(self, step: int, total_steps: int) -> None:
        """Drops the lines that a killed run wrote after its last checkpoint."""
        del total_steps
        lines = self._file.read_text(encoding="utf-8").splitlines() if step and self._file.exists() else []
        lines = [line for line in lines if self._step(line) <= step]
        self._started = self._clock() - (json.loads(lines[-1]).get("seconds", 0.0) if lines else 0.0)
        write_text(self._file, "".join(f"{line}\n" for line in lines))

    def on_step(self, event: StepEvent) -> None:
        """Writes a point of the curves."""
        values = asdict(event)
        del values["seconds_left"], values["total_steps"]
        self._append({"event": "step"} | values)

    def on_epoch(self, event: EpochEvent) -> None:
        """Writes an epoch's dev scores."""
        scores = {"loss": event.dev.loss, "score": event.dev.main_score, "score_name": event.dev.main_name}
        fit = {} if event.penalty is None else {"penalty": event.penalty}
        self._append({"event": "epoch", "epoch": event.epoch, "step": event.step, "best": event.best} | fit | scores)

    def _append(self, values: dict[str, object]) -> None:
        seconds = round(self._clock() - self._started, 3)
        with self._file.open("a", encoding="utf-8") as out:
            out.write(json.dumps({**values, "seconds": seconds}) + "\n")

    @staticmethod
    def _step(line: str) -> float:
        try:
            return float(json.loads(line)["step"])
        except (ValueError, KeyError):
            return float("inf")  # the half line of a killed write


class TensorBoardObserver(Observer):
    """Writes the settings, the curves and the dev evaluations for TensorBoard.

    Args:
        folder: Where the event files go.
        settings: The experiment as TOML.
    """

    def __init__(self, folder: Path, settings: str) -> None:
        self._folder = folder
        self._settings = settings
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def on_start(self, step: int, total_steps: int) -> None:
        """Opens the log; a resumed run overwrites the events that a killed one wrote after its checkpoint."""
        del total_steps
        self._stack.close()
        self._log = self._stack.enter_context(TensorBoardLog(self._folder, purge_step=step + 1 if step else None))
        self._log.settings(self._settings)

    def on_step(self, event: StepEvent) -> None:
        """Writes a point of the curves."""
        self._log.scalars(
            event.step,
            {
                "loss": event.loss,
                "learning_rate": event.learning_rate,
                "gradient_norm": event.gradient_norm,
                "tokens_per_second": event.tokens_per_second,
            },
            split="train",
        )

    def on_epoch(self, event: EpochEvent) -> None:
        """Writes an epoch's dev scores, confusion matrix, curves and mistakes."""
        self._log.evaluation(event.dev, event.step, split="dev")
