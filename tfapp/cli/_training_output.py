"""Prints a running training, for a person or a program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tfapp.core.terminal import print_json
from tfapp.core.wording import format_duration, pluralize

if TYPE_CHECKING:
    from rich.console import Console

    from tfapp.training import EpochEvent, StepEvent

__all__ = ["PlanText", "TrainingLines"]


class TrainingLines:
    """Prints a training for a program to read: one JSON object a line on standard output."""

    def on_start(self, step: int, total_steps: int) -> None:
        """Says at which step the training starts."""
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


class PlanText:
    """Prints the choices for a data file, and the result of each candidate.

    Args:
        screen: Where it is printed.
    """

    def __init__(self, screen: Console) -> None:
        self._screen = screen

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Prints one event of `train_candidates`."""
        match event["event"]:
            case "plan":
                self._print_plan(event)
            case "candidate":
                if "note" in event:
                    self._say(event["note"])
                self._say(f"{event['number']} of {event['of']}: {event['name']}")
            case "candidate_end":
                dev = event.get("dev")
                low, high = dev["interval"] if dev else (0, 0)
                score = f": dev {dev['score_name']} {dev['score']:.3f} ({low:.3f} to {high:.3f})" if dev else ""
                epochs = pluralize(event["epochs"], "epoch")
                self._say(f"   {event['name']}{score}, {epochs}, {event['seconds']:.0f} s")
                if "note" in event:
                    self._say(event["note"])
            case "candidate_left_out" | "comparison":
                self._say(event["note"])

    def _print_plan(self, event: Mapping[str, Any]) -> None:
        for note in event["notes"]:
            self._say(note)
        candidates = event["candidates"]
        for candidate in candidates:
            self._say(f"about {format_duration(candidate['seconds'])}: {candidate['name']}, {candidate['reason']}")
        if len(candidates) > 1:
            first = candidates[0]
            self._say(
                f"In all about {format_duration(event['seconds'])} on this machine; --quality fast: about "
                f"{format_duration(first['seconds'])}, {first['name']}, without a comparison"
            )

    def _say(self, line: str) -> None:
        self._screen.print(line, soft_wrap=True)
