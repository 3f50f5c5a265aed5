"""Trains the candidates of a plan one after another, and makes one run of the best on dev."""

from __future__ import annotations

import gc
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from tfapp.config import dump_toml
from tfapp.core.files import private_folder, sweep_drafts, write_text
from tfapp.data import Splits
from tfapp.errors import SettingsError, TrainingError
from tfapp.evaluation import check_evaluation
from tfapp.tasks.registry import find_task
from tfapp.training import EpochEvent, Observer, RunFolder, StepEvent, make_run_folder, make_strategy, start_run
from tfapp.workflows.plan import Plan, PlannedCandidate
from tfapp.workflows.run_data import check_same_data
from tfapp.workflows.time_estimate import fit_into_minutes, with_estimates
from tfapp.workflows.train import finish_run, train_weights

__all__ = ["OnEvent", "train_candidates"]

OnEvent = Callable[[Mapping[str, Any]], None]
"""Is told what happens beside the steps: JSON values, with the name of what happened as `event`."""

# What the best candidate's run is made of, beside its settings.
_KEPT: Final = ("model", "tensorboard", "history.jsonl", "data.json", "environment.json")


def train_candidates(
    plan: Plan,
    data: Callable[[], Splits],
    runs: Path,
    *,
    resume: bool,
    quiet: bool,
    observers: Sequence[Observer] = (),
    on_event: OnEvent = lambda _: None,
) -> RunFolder:
    """Trains the candidates of a plan, evaluates the best on the test split, and returns its run.

    The others leave their settings, curves and dev scores under `candidates/` in the run's folder, and no weights.

    Args:
        plan: From `make_plan`.
        data: Loads the splits.
        runs: The folder of all runs.
        resume: Go on with the newest run of the name; finished candidates are not trained again.
        quiet: Show no progress.
        observers: Told of the steps and epochs of all candidates.
        on_event: Told of the plan, and of each candidate's start and end.

    Raises:
        TfappError: Settings, data, preset or training cannot be used, or another process trains the run.
    """
    if "TF_CONFIG" in os.environ:
        raise SettingsError("several workers train by a settings file; `tfapp init FILE` writes one")
    check_evaluation(find_task(plan.experiment.task).evaluation)
    folder = _find_resumable(plan, runs) if resume else None
    if folder and folder.finished:
        return folder
    strategy = make_strategy(plan.experiment.training.strategy)
    with ExitStack() as stack:
        if folder:
            stack.enter_context(folder.locked())
            sweep_drafts(folder.path)
        splits = data()
        if folder:
            fitted = _read_plan(plan, folder)
        else:
            fitted = fit_into_minutes(with_estimates(plan, splits))
            folder = make_run_folder(plan.experiment.name, runs)
            stack.enter_context(folder.locked())
            folder.write("plan", {"asked": _asked(plan), **_plan_event(fitted, folder)})
        on_event(_plan_event(fitted, folder))
        results: list[_Result] = []
        for number, candidate in enumerate(fitted.candidates, start=1):
            on_event({"event": "candidate", "name": candidate.name, "number": number, "of": len(fitted.candidates)})
            place = RunFolder(folder.path / "candidates" / str(number))
            watched: dict[str, Any] = {"quiet": quiet, "observers": observers}
            result = _train_candidate(candidate, place, splits, strategy, earlier=results, **watched)
            results.append(result)
            on_event({"event": "candidate_end", **result.to_dict()})
            _drop_losers(results)
            gc.collect()
        _make_run(folder, fitted, results, splits, quiet=quiet)
    return folder


@dataclass(frozen=True)
class _Result:
    """What came of a candidate.

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
        """Returns what is highest for the best candidate; of several with the same, the first is."""
        if not self.dev:
            return 0.0
        kind = find_task(self.candidate.experiment.task).evaluation
        return float(-self.dev["loss"] if kind.by_loss else self.dev["score"] * (-1 if kind.lower_is_better else 1))

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON has it."""
        candidate = {"name": self.candidate.name, "reason": self.candidate.reason}
        dev = {"dev": dict(self.dev)} if self.dev else {}
        return {**candidate, "seconds": round(self.seconds, 1), "epochs": self.record["epochs"], **dev}


class _BestEpoch:
    """Keeps the dev scores of the best epoch beside its weights, for a resumed run, too."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder

    def on_start(self, step: int, total_steps: int) -> None:
        """Does nothing."""

    def on_progress(self, step: int) -> None:
        """Does nothing."""

    def on_step(self, event: StepEvent) -> None:
        """Does nothing."""

    def on_epoch(self, event: EpochEvent) -> None:
        """Writes the scores of an epoch whose weights are kept."""
        if event.best:
            dev = event.dev
            low, high = dev.main_interval
            scores = {"score": dev.main_score, "score_name": dev.main_name, "loss": dev.loss}
            self._folder.write("dev", {**scores, "interval": [low, high], "count": dev.count})


def _train_candidate(
    candidate: PlannedCandidate,
    folder: RunFolder,
    splits: Splits,
    strategy: Any,
    *,
    earlier: Sequence[_Result],
    quiet: bool,
    observers: Sequence[Observer],
) -> _Result:
    """Trains one candidate, goes on with it, or reads what came of it."""
    if not (folder.path / "trained.json").exists():
        if earlier:
            check_same_data(earlier[0].folder, splits)
        begun = (folder.path / "settings.toml").exists()
        started = time.monotonic()
        private_folder(folder.path)
        _, record = train_weights(
            candidate.experiment,
            splits,
            strategy,
            lambda: folder if begun else start_run(folder, candidate.experiment),
            learning_curve=not earlier and not begun,
            quiet=quiet,
            observers=[*observers, _BestEpoch(folder)],
        )
        folder.write("trained", {"record": record, "seconds": time.monotonic() - started})
    trained = folder.read("trained")
    dev = folder.read_if_there("dev", {})
    return _Result(candidate, folder, trained["record"], dev, trained["seconds"])


def _best(results: Sequence[_Result]) -> _Result:
    return max(results, key=lambda result: result.rank)


def _drop_losers(results: Sequence[_Result]) -> None:
    """Removes the weights of all candidates but the best, and what only a killed training would need of any."""
    best = _best(results)
    for result in results:
        result.folder.remove_leftovers()
        if result is not best:
            shutil.rmtree(result.folder.model, ignore_errors=True)


def _make_run(folder: RunFolder, plan: Plan, results: Sequence[_Result], splits: Splits, *, quiet: bool) -> None:
    """Makes the best candidate's files those of the run, and evaluates it; what a kill left undone is done."""
    best = _best(results)
    folder.write("candidates", [{**result.to_dict(), "chosen": result is best} for result in results])
    folder.write("choices", list(plan.notes))
    # The first candidate measured it for all.
    curve = results[0].folder.path / "learning_curve.json"
    if curve.exists():
        curve.replace(folder.path / curve.name)
    for name in _KEPT:
        source, target = best.folder.path / name, folder.path / name
        if source.exists():
            source.replace(target)
    check_same_data(folder, splits)
    # Last, since a folder without settings is no run yet.
    write_text(folder.path / "settings.toml", dump_toml(best.candidate.experiment))
    finish_run(folder, splits, dict(best.record), quiet=quiet)


def _asked(plan: Plan) -> dict[str, Any]:
    """Returns what was asked, to compare a run with that is gone on with."""
    settings = [dump_toml(candidate.experiment) for candidate in plan.candidates]
    return {"quality": plan.quality, "minutes": plan.minutes, "settings": settings}


def _plan_event(plan: Plan, folder: RunFolder) -> dict[str, Any]:
    candidates = [
        {
            "name": candidate.name,
            "reason": candidate.reason,
            "seconds": round(candidate.seconds, 1),
            "epochs": candidate.experiment.training.epochs,
        }
        for candidate in plan.candidates
    ]
    experiment = plan.experiment
    return {
        "event": "plan",
        "run": str(folder.path),
        "name": experiment.name,
        "task": experiment.task,
        "quality": plan.quality,
        "minutes": plan.minutes,
        "seconds": round(sum(candidate.seconds for candidate in plan.candidates), 1),
        "notes": list(plan.notes),
        "candidates": candidates,
    }


def _find_resumable(plan: Plan, runs: Path) -> RunFolder | None:
    """Finds the newest run of the name, to go on with, or to leave alone if it is finished.

    Raises:
        TrainingError: It is not finished and was started with other settings.
    """
    folders = sorted((runs / plan.experiment.name).glob("*/plan.json"))
    if not folders:
        return None
    folder = RunFolder(folders[-1].parent)
    if folder.read("plan")["asked"] == _asked(plan):
        return folder
    if folder.finished:
        return None
    raise TrainingError(
        f"{folder.path} was started with other settings, or on other data; give the same again, or start a new run "
        "without --resume"
    )


def _read_plan(plan: Plan, folder: RunFolder) -> Plan:
    """Returns a plan with the estimates, and the cuts, of a run that is gone on with."""
    record = folder.read("plan")
    known = {candidate.name: candidate for candidate in plan.candidates}
    candidates = []
    for values in record["candidates"]:
        candidate = known[values["name"]]
        training = candidate.experiment.training.model_copy(update={"epochs": values["epochs"]})
        experiment = candidate.experiment.model_copy(update={"training": training})
        candidates.append(replace(candidate, experiment=experiment, seconds=values["seconds"]))
    return replace(plan, notes=tuple(record["notes"]), candidates=tuple(candidates))
