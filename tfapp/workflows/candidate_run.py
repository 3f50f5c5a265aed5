"""Trains one candidate of a plan, resumes its training, or reads its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tfapp.core.files import private_folder
from tfapp.core.shared_arrays import SharedArrays
from tfapp.data import Splits
from tfapp.evaluation.score_comparison import ScoreRecord
from tfapp.tasks.registry import find_task
from tfapp.training import EpochEvent, Observer, RunFolder, TimeBudget, start_run
from tfapp.workflows.build import build
from tfapp.workflows.plan import PlannedCandidate
from tfapp.workflows.run_data import check_same_data
from tfapp.workflows.train import train_weights

__all__ = ["CandidateResult", "UsedTime", "train_candidate"]

# Seconds between two notes of the time that was used, and at most what a kill makes forgotten.
_NOTE_EVERY: Final = 1.0
# Of the dev scores: what a comparison reads beside them.
_COMPARED: Final = ("unit", "wrong")


@dataclass(frozen=True)
class CandidateResult:
    """The result of a candidate.

    Attributes:
        candidate: The candidate.
        folder: Its files.
        record: What `finish_run` writes.
        dev: The dev scores of its best epoch; empty without a dev split.
        seconds: How long it took, in this process.
    """

    candidate: PlannedCandidate
    folder: RunFolder
    record: Mapping[str, Any]
    dev: Mapping[str, Any]
    seconds: float

    @property
    def rank(self) -> float:
        """Returns the value that is highest for the best candidate; among equals, the first is the best."""
        if not self.dev:
            return 0.0
        kind = find_task(self.candidate.experiment.task).evaluation
        return float(-self.dev["loss"] if kind.by_loss else self.dev["score"] * (-1 if kind.lower_is_better else 1))

    @property
    def dev_record(self) -> ScoreRecord | None:
        """Returns its dev score, to be compared with those of others on the same rows; None: there is none."""
        # Runs of before kept no unit; the loss of the best epoch is no score.
        if "unit" not in self.dev or find_task(self.candidate.experiment.task).evaluation.by_loss:
            return None
        low, high = self.dev["interval"]
        mistakes = self.dev["wrong"]
        return ScoreRecord(
            self.candidate.name,
            self.dev["score_name"],
            self.dev["score"],
            self.dev["count"],
            self.dev["unit"],
            rows="dev",
            interval=(low, high),
            wrong=None if mistakes is None else frozenset(mistakes),
        )

    @property
    def note(self) -> str:
        """Returns how far it came by the end of the time; empty where it came to its own end."""
        cut_note = self.record.get("cut")
        return f"{self.candidate.name}: ended after {cut_note}, as the time was over" if cut_note else ""

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON has it."""
        candidate = {"name": self.candidate.name, "reason": self.candidate.reason}
        # Which rows are wrong is for the comparison alone.
        dev = {"dev": {name: value for name, value in self.dev.items() if name not in _COMPARED}} if self.dev else {}
        note = {"note": self.note} if self.note else {}
        return {**candidate, "seconds": round(self.seconds, 1), "epochs": self.record["epochs"], **dev, **note}


class UsedTime(Observer):
    """Writes the used time of a budget to `time.json`, from which a run that was killed goes on.

    Args:
        folder: The run.
        budget: Its budget.
    """

    def __init__(self, folder: RunFolder, budget: TimeBudget) -> None:
        self._folder = folder
        self._budget = budget
        self._written = 0.0

    def on_progress(self, step: int) -> None:
        """Writes the time, unless it was written just now."""
        del step
        seconds = self._budget.elapsed
        if seconds - self._written >= _NOTE_EVERY:
            self._folder.write("time", {"used": seconds})
            self._written = seconds


class _BestEpoch(Observer):
    """Keeps the dev scores of the best epoch beside its weights, for a resumed run, too."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder

    def on_epoch(self, event: EpochEvent) -> None:
        """Writes the scores of an epoch whose weights are kept."""
        if event.best:
            dev = event.dev
            low, high = dev.main_interval
            scores = {"score": dev.main_score, "score_name": dev.main_name, "loss": dev.loss}
            rows = {"count": dev.count, "unit": dev.unit, "wrong": dev.wrong_rows}
            self._folder.write("dev", {**scores, "interval": [low, high], **rows})


def train_candidate(
    candidate: PlannedCandidate,
    folder: RunFolder,
    splits: Splits,
    strategy: Any,
    *,
    earlier: Sequence[CandidateResult],
    learning_curve: bool,
    quiet: bool,
    observers: Sequence[Observer],
    budget: TimeBudget | None,
    clock: Callable[[], float],
    shared: SharedArrays | None = None,
) -> CandidateResult:
    """Trains one candidate, resumes its training, or reads its result.

    Args:
        candidate: The candidate.
        folder: Where its files are, or will be.
        splits: Its data.
        strategy: From `make_strategy`.
        earlier: What came of those before it, which had the same data.
        learning_curve: Measure whether more labels pay, before a training that is not begun yet.
        quiet: Show no progress.
        observers: Told of steps and epochs.
        budget: The time that is left; None: as long as it takes.
        clock: Monotonic seconds.
        shared: What other candidates have computed of the same data; None: nothing is shared.

    Raises:
        TfappError: Settings, data, preset or training cannot be used.
    """
    if not (folder.path / "trained.json").exists():
        if earlier:
            check_same_data(earlier[0].folder, splits)
        has_begun = (folder.path / "settings.toml").exists()
        start = clock()
        private_folder(folder.path)
        # Before the folder is a run's: a preset that cannot be had leaves none behind.
        learner = build(candidate.experiment, splits, strategy, quiet=quiet)
        record = train_weights(
            learner,
            candidate.experiment,
            splits,
            strategy,
            folder if has_begun else start_run(folder, candidate.experiment),
            learning_curve=learning_curve and not has_begun,
            quiet=quiet,
            observers=[*observers, _BestEpoch(folder)],
            budget=budget,
            shared=shared,
        )
        folder.write("trained", {"record": record, "seconds": clock() - start})
    outcome = folder.read("trained")
    dev = folder.read_if_there("dev", {})
    return CandidateResult(candidate, folder, outcome["record"], dev, outcome["seconds"])
