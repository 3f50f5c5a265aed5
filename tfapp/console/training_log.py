"""The progress of a training, read from the JSON lines of `tfapp train --json`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tfapp.core.wording import pluralize

__all__ = ["CandidateLog", "DevScore", "TrainingLog", "duration"]


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
class CandidateLog:
    """A candidate of a training: one way to learn.

    Attributes:
        name: What it does, in a few words.
        reason: Why it may be the best.
        seconds: An estimate of its time, and at its end what it took; 0: not known.
        score: The dev score of its best epoch; empty before its end.
        ended: Whether it was trained, or left out.
        note: That the time was over before its end, or before it began.
    """

    name: str
    reason: str = ""
    seconds: float = 0.0
    score: str = ""
    ended: bool = False
    note: str = ""

    @property
    def time(self) -> str:
        """Returns its time, for people."""
        return duration(self.seconds) if self.seconds else ""


@dataclass
class TrainingLog:
    """The progress that a training has reported so far.

    Attributes:
        step: Steps done, of the candidate that is trained.
        total_steps: All of its steps; 0: not known yet.
        losses: Mean training losses by step, of the same candidate.
        dev: The dev scores.
        seconds_left: An estimate; None: not known.
        candidates: What is tried; empty where that is not known yet.
        candidate: Which of them is trained.
        result: The last line of a training that ended well.
        version: The folder of the published version; empty: none.
    """

    step: int = 0
    total_steps: int = 0
    losses: list[tuple[int, float]] = field(default_factory=list)
    dev: list[DevScore] = field(default_factory=list)
    seconds_left: float | None = None
    candidates: list[CandidateLog] = field(default_factory=list)
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
    def has_ended(self) -> bool:
        """Returns whether the training came to its end, and its model was published."""
        return bool(self.result and self.version)

    @property
    def progress(self) -> float:
        """Returns the share of the steps that is done."""
        return min(1.0, self.step / self.total_steps) if self.total_steps else 0.0

    def best_of(self, candidate: str) -> DevScore | None:
        """Returns the best dev score of a candidate, whose weights are kept."""
        return next((score for score in reversed(self.dev) if score.best and score.candidate == candidate), None)

    @property
    def time_left(self) -> str:
        """Returns the time that is left, with that of candidates to come, for people; empty where it is not known."""
        queue = [candidate for candidate in self.candidates if not candidate.ended and candidate.name != self.candidate]
        is_certain = self.seconds_left is not None and all(candidate.seconds for candidate in queue)
        return duration((self.seconds_left or 0) + sum(candidate.seconds for candidate in queue)) if is_certain else ""

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
            case "plan":
                self.candidates = [_candidate(candidate) for candidate in event["candidates"]]
            case "candidate":
                self.candidate = str(event["name"])
                # One that was left out may come back.
                self.candidates = [
                    replace(candidate, ended=False, note="") if candidate.name == self.candidate else candidate
                    for candidate in self.candidates
                ]
                self.step, self.total_steps, self.losses, self.seconds_left = 0, 0, [], None
            case "candidate_end" | "candidate_left_out":
                candidate_log = _candidate(event, is_over=True)
                if candidate_log.name not in [candidate.name for candidate in self.candidates]:
                    self.candidates.append(candidate_log)
                self.candidates = [
                    candidate_log if candidate.name == candidate_log.name else candidate
                    for candidate in self.candidates
                ]
            case "published":
                self.version = str(event["version"])
            case "end":
                self.result = dict(event)


def duration(seconds: float) -> str:
    """Returns a time for people."""
    return pluralize(max(1, round(seconds)), "second") if seconds < 90 else f"{round(seconds / 60)} minutes"


def _candidate(event: Mapping[str, Any], *, is_over: bool = False) -> CandidateLog:
    dev = event.get("dev") or {}
    score = f"{dev['score_name']} {float(dev['score']):.3f}" if dev else ""
    note = str(event.get("note", ""))
    return CandidateLog(str(event["name"]), str(event["reason"]), float(event.get("seconds", 0)), score, is_over, note)


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
