"""What a training has told so far, by the JSON lines of `tfapp train --json`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["DevScore", "TrainingLog"]


@dataclass(frozen=True)
class DevScore:
    """The scores of the dev split after an epoch, or after a fit of the head.

    Attributes:
        epoch: Counted from 1.
        name: What the score is.
        score: Its value.
        best: Whether it was the best so far.
        candidate: Which of several trainings it is of; empty where there is one.
    """

    epoch: int
    name: str
    score: float
    best: bool
    candidate: str = ""


@dataclass
class TrainingLog:
    """What a training has told so far.

    Attributes:
        step: Steps done, of the candidate that is trained.
        total_steps: All of its steps; 0: not known yet.
        losses: Mean training losses by step, of the same candidate.
        dev: The dev scores.
        seconds_left: An estimate; None: not known.
        candidate: Which of several trainings runs; empty where there is one.
        result: The last line of a training that ended well.
        version: The folder of the published version; empty: none.
    """

    step: int = 0
    total_steps: int = 0
    losses: list[tuple[int, float]] = field(default_factory=list)
    dev: list[DevScore] = field(default_factory=list)
    seconds_left: float | None = None
    candidate: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""

    @classmethod
    def read(cls, file: Path) -> TrainingLog:
        """Reads a file of JSON lines; one that is not there yet, or a line that is not whole, says nothing."""
        log = cls()
        for event in _events(file):
            try:
                log._add(event)
            except (KeyError, TypeError, ValueError):
                continue
        return log

    @property
    def ended(self) -> bool:
        """Returns whether the training came to its end, and its model was published."""
        return bool(self.result and self.version)

    @property
    def done(self) -> float:
        """Returns the share of the steps that is done."""
        return min(1.0, self.step / self.total_steps) if self.total_steps else 0.0

    @property
    def best(self) -> DevScore | None:
        """Returns the best dev score, whose weights are kept."""
        return next((score for score in reversed(self.dev) if score.best), None)

    @property
    def time_left(self) -> str:
        """Returns the time that is left, for people; empty where it is not known."""
        seconds = self.seconds_left
        if seconds is None:
            return ""
        return f"{max(1, round(seconds))} seconds" if seconds < 90 else f"{round(seconds / 60)} minutes"

    @property
    def score(self) -> str:
        """Returns the score of the test split, by its name; empty while there is none."""
        test = self.result.get("test") or {}
        return f"{test['score_name']} {test['score']:.3f}" if test.get("score_name") else ""

    @property
    def version_number(self) -> str:
        """Returns the number of the published version."""
        return Path(self.version).name

    @property
    def run(self) -> Path | None:
        """Returns the folder of the finished run."""
        return Path(self.result["run"]) if self.result.get("run") else None

    def _add(self, event: Mapping[str, Any]) -> None:
        match event.get("event"):
            case "start":
                self.step, self.total_steps = int(event["step"]), int(event["total_steps"])
                self.losses, self.seconds_left = [], None
            case "step":
                self.step, self.total_steps = int(event["step"]), int(event["total_steps"])
                self.losses.append((self.step, float(event["loss"])))
                self.seconds_left = float(event["seconds_left"])
            case "epoch":
                dev = event["dev"]
                score = DevScore(
                    int(event["epoch"]),
                    str(dev["score_name"]),
                    float(dev["score"]),
                    bool(event["best"]),
                    self.candidate,
                )
                self.dev.append(score)
            case "published":
                self.version = str(event["version"])
            case "end":
                self.result = dict(event)


def _events(file: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    event = json.loads(line)
                except ValueError:
                    continue
                if isinstance(event, dict):
                    yield event
    except OSError:
        return
