"""Trains the candidates of a plan one after another, and makes one run of the best on dev."""

from __future__ import annotations

import gc
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tfapp.config import dump_toml
from tfapp.core.files import sweep_drafts, write_text
from tfapp.core.wording import pluralize
from tfapp.data import Splits
from tfapp.errors import SettingsError
from tfapp.evaluation import check_evaluation
from tfapp.tasks.registry import find_task
from tfapp.training import Observer, RunFolder, TimeBudget, make_run_folder, make_strategy
from tfapp.workflows.candidate_choice import best_candidate, candidate_tie_note
from tfapp.workflows.candidate_run import CandidateResult, UsedTime, train_candidate
from tfapp.workflows.plan import Plan, PlannedCandidate
from tfapp.workflows.plan_record import find_resumable_plan, plan_event, plan_request, read_plan
from tfapp.workflows.run_data import check_same_data, load_splits
from tfapp.workflows.time_estimate import fit_into_minutes, has_time_for, has_time_for_curve, with_estimates
from tfapp.workflows.train import finish_run

__all__ = ["OnEvent", "train_candidates"]

OnEvent = Callable[[Mapping[str, Any]], None]
"""Is told what happens beside the steps: JSON values, with the name of what happened as `event`."""

# What the best candidate's run is made of, beside its settings.
_KEPT: Final = ("model", "tensorboard", "history.jsonl", "data.json", "environment.json")


def train_candidates(
    plan: Plan,
    runs: Path,
    *,
    resume: bool,
    quiet: bool,
    observers: Sequence[Observer] = (),
    on_event: OnEvent = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> RunFolder:
    """Trains the candidates of a plan, evaluates the best on the test split, and returns its run.

    The others leave their settings, curves and dev scores under `candidates/` in the run's folder, and no weights.
    Where the plan has a bound on the minutes, a candidate ends when these are over, and those that there is no time for
    are left out; the evaluation alone comes after.

    Args:
        plan: From `make_plan`.
        runs: The folder of all runs.
        resume: Go on with the newest run of the name; finished candidates are not trained again.
        quiet: Show no progress.
        observers: Told of the steps and epochs of all candidates.
        on_event: Told of the plan, of each candidate's start and end, or that it is left out, and that the choice
            between them may be by chance.
        clock: Monotonic seconds.

    Raises:
        TfappError: Settings, data, preset or training cannot be used, or another process trains the run.
    """
    if "TF_CONFIG" in os.environ:
        raise SettingsError("several workers train by a settings file; `tfapp init FILE` writes one")
    check_evaluation(find_task(plan.experiment.task).evaluation)
    folder = find_resumable_plan(plan, runs) if resume else None
    if folder and folder.is_finished:
        return folder
    budget = _budget(plan, folder, clock)
    strategy = make_strategy(plan.experiment.training.strategy)
    with ExitStack() as stack:
        if folder:
            stack.enter_context(folder.locked())
            sweep_drafts(folder.path)
        splits = load_splits(plan.experiment, quiet=quiet)
        if folder:
            full_plan = read_plan(plan, folder)
        else:
            full_plan = fit_into_minutes(with_estimates(plan, splits))
            folder = make_run_folder(plan.experiment.name, runs)
            stack.enter_context(folder.locked())
            folder.write("plan", {"asked": plan_request(plan), **plan_event(full_plan, folder)})
        on_event(plan_event(full_plan, folder))
        arguments = {
            "splits": splits,
            "strategy": strategy,
            "quiet": quiet,
            "observers": [*observers, *([UsedTime(folder, budget)] if budget else [])],
            "clock": clock,
        }
        comparison = _Comparison(plan=full_plan, folder=folder, budget=budget, on_event=on_event, arguments=arguments)
        left_out = comparison.train_all()
        note = candidate_tie_note(comparison.results)
        if note:
            on_event({"event": "comparison", "note": note})
        notes = [*full_plan.notes, *([note] if note else [])]
        _make_run(folder, notes, comparison.results, left_out, splits, quiet=quiet)
    return folder


def _budget(plan: Plan, folder: RunFolder | None, clock: Callable[[], float]) -> TimeBudget | None:
    """Returns the rest of a plan's minutes; those that a killed run had used count as used."""
    if plan.minutes is None:
        return None
    seconds = folder.read_if_there("time", {"used": 0.0})["used"] if folder else 0.0
    return TimeBudget(60 * plan.minutes, spent_seconds=seconds, clock=clock)


@dataclass(kw_only=True)
class _Comparison:
    """The trainings of a plan's candidates, one after another.

    Attributes:
        plan: What is trained.
        folder: The run.
        budget: The time that is left; None: as long as it takes.
        on_event: As in `train_candidates`.
        arguments: What `train_candidate` takes beside these.
        results: Of those that were trained, in the order of their trainings.
    """

    plan: Plan
    folder: RunFolder
    budget: TimeBudget | None
    on_event: OnEvent
    arguments: Mapping[str, Any]
    results: list[CandidateResult] = field(default_factory=list)

    def train_all(self) -> list[dict[str, Any]]:
        """Trains all that there is time for, and returns the others, with a note each.

        Those that there is no time for in their turn are asked again after the last, since others may end early.
        """
        skipped_candidates = []
        for number, candidate in enumerate(self.plan.candidates, start=1):
            if not self._train(number, candidate, fits=candidate.fits):
                skipped_candidates.append((number, candidate))
                self.on_event({"event": "candidate_left_out", **self._left_out(candidate)})
        left_out = [
            entry
            for entry in skipped_candidates
            if not self._train(*entry, note=f"{entry[1].name}: there is time for it now")
        ]
        for number, _ in left_out:
            shutil.rmtree(self._folder_of(number).path, ignore_errors=True)
        return [self._left_out(candidate) for _, candidate in left_out]

    def _train(self, number: int, candidate: PlannedCandidate, *, fits: bool = True, note: str = "") -> bool:
        """Trains a candidate if there is time for it, and returns whether there was; the note tells of it."""
        folder, budget, results = self._folder_of(number), self.budget, self.results
        if not fits or (budget and results and not _has_time(candidate, folder, budget, results)):
            return False
        event = {"event": "candidate", "name": candidate.name, "number": number, "of": len(self.plan.candidates)}
        self.on_event(event | ({"note": note} if note else {}))
        curve = not results and has_time_for_curve(self.plan)
        result = train_candidate(
            candidate, folder, earlier=results, learning_curve=curve, budget=budget, **self.arguments
        )
        results.append(result)
        self.on_event({"event": "candidate_end", **result.to_dict()})
        _drop_losers(results)
        gc.collect()
        return True

    def _folder_of(self, number: int) -> RunFolder:
        return RunFolder(self.folder.path / "candidates" / str(number))

    def _left_out(self, candidate: PlannedCandidate) -> dict[str, Any]:
        minutes = pluralize(self.plan.minutes or 0, "minute")
        note = f"{candidate.name}: left out, as there is no time for it in {minutes}"
        return {"name": candidate.name, "reason": candidate.reason, "note": note}


def _has_time(
    candidate: PlannedCandidate, folder: RunFolder, budget: TimeBudget, results: Sequence[CandidateResult]
) -> bool:
    """Returns whether a candidate is to be trained: there is time for it, or it was trained, at least in part."""
    if (folder.path / "trained.json").exists() or folder.checkpoint.exists():
        return True
    estimate = sum(result.candidate.seconds for result in results)
    slowdown = max(1.0, sum(result.seconds for result in results) / estimate) if estimate else 1.0
    return has_time_for(candidate, budget.seconds_left, slowdown=slowdown)


def _drop_losers(results: Sequence[CandidateResult]) -> None:
    """Removes the weights of all candidates but the best, and all files that only a resumed training would need."""
    best = best_candidate(results)
    for result in results:
        result.folder.remove_leftovers()
        if result is not best:
            shutil.rmtree(result.folder.model, ignore_errors=True)


def _make_run(
    folder: RunFolder,
    notes: Sequence[str],
    results: Sequence[CandidateResult],
    left_out: Sequence[Mapping[str, Any]],
    splits: Splits,
    *,
    quiet: bool,
) -> None:
    """Moves the best candidate's files into the run's folder, and evaluates it; completes this where it was killed."""
    best = best_candidate(results)
    rows = [{**result.to_dict(), "chosen": result is best} for result in results]
    folder.write("candidates", [*rows, *({**row, "chosen": False} for row in left_out)])
    folder.write("choices", [*notes, *(row["note"] for row in [*rows, *left_out] if "note" in row)])
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
