"""Trains the candidates of a plan one after another, and makes one run of the best on dev."""

from __future__ import annotations

import gc
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from tfapp.config import dump_toml
from tfapp.core.files import sweep_drafts, write_text
from tfapp.core.wording import pluralize
from tfapp.data import Splits
from tfapp.errors import SettingsError, TrainingError
from tfapp.evaluation import check_evaluation
from tfapp.tasks.registry import find_task
from tfapp.training import Observer, RunFolder, TimeBudget, make_run_folder, make_strategy
from tfapp.workflows.candidate_run import CandidateResult, UsedTime, train_candidate
from tfapp.workflows.plan import Plan, PlannedCandidate
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
    Where the plan has a bound on the minutes, a candidate ends when these are over, and those after it are left out;
    the evaluation alone comes after.

    Args:
        plan: From `make_plan`.
        runs: The folder of all runs.
        resume: Go on with the newest run of the name; finished candidates are not trained again.
        quiet: Show no progress.
        observers: Told of the steps and epochs of all candidates.
        on_event: Told of the plan, and of each candidate's start and end, or that it is left out.
        clock: Monotonic seconds.

    Raises:
        TfappError: Settings, data, preset or training cannot be used, or another process trains the run.
    """
    if "TF_CONFIG" in os.environ:
        raise SettingsError("several workers train by a settings file; `tfapp init FILE` writes one")
    check_evaluation(find_task(plan.experiment.task).evaluation)
    folder = _find_resumable(plan, runs) if resume else None
    if folder and folder.finished:
        return folder
    budget = _budget(plan, folder, clock)
    strategy = make_strategy(plan.experiment.training.strategy)
    with ExitStack() as stack:
        if folder:
            stack.enter_context(folder.locked())
            sweep_drafts(folder.path)
        splits = load_splits(plan.experiment, quiet=quiet)
        if folder:
            full_plan = _read_plan(plan, folder)
        else:
            full_plan = fit_into_minutes(with_estimates(plan, splits))
            folder = make_run_folder(plan.experiment.name, runs)
            stack.enter_context(folder.locked())
            folder.write("plan", {"asked": _request(plan), **_plan_event(full_plan, folder)})
        on_event(_plan_event(full_plan, folder))
        results, left_out = _train_all(
            full_plan,
            folder,
            budget,
            on_event,
            splits=splits,
            strategy=strategy,
            quiet=quiet,
            observers=[*observers, *([UsedTime(folder, budget)] if budget else [])],
            clock=clock,
        )
        _make_run(folder, full_plan, results, left_out, splits, quiet=quiet)
    return folder


def _budget(plan: Plan, folder: RunFolder | None, clock: Callable[[], float]) -> TimeBudget | None:
    """Returns what is left of a plan's minutes; those that a killed run had used are used."""
    if plan.minutes is None:
        return None
    seconds = folder.read_if_there("time", {"used": 0.0})["used"] if folder else 0.0
    return TimeBudget(60 * plan.minutes, spent=seconds, clock=clock)


def _train_all(
    plan: Plan, folder: RunFolder, budget: TimeBudget | None, on_event: OnEvent, **arguments: Any
) -> tuple[list[CandidateResult], list[dict[str, Any]]]:
    """Trains all candidates that there is time for; returns their results, and the others, with a note each."""
    results: list[CandidateResult] = []
    left_out: list[dict[str, Any]] = []
    for number, candidate in enumerate(plan.candidates, start=1):
        candidate_folder = RunFolder(folder.path / "candidates" / str(number))
        if budget and results and not _has_time(candidate, candidate_folder, budget, results):
            shutil.rmtree(candidate_folder.path, ignore_errors=True)
            note = f"{candidate.name}: left out, as there is no time for it in {pluralize(plan.minutes or 0, 'minute')}"
            left_out.append({"name": candidate.name, "reason": candidate.reason, "note": note})
            on_event({"event": "candidate_left_out", **left_out[-1]})
            continue
        on_event({"event": "candidate", "name": candidate.name, "number": number, "of": len(plan.candidates)})
        curve = not results and has_time_for_curve(plan)
        result = train_candidate(
            candidate, candidate_folder, earlier=results, learning_curve=curve, budget=budget, **arguments
        )
        results.append(result)
        on_event({"event": "candidate_end", **result.to_dict()})
        _drop_losers(results)
        gc.collect()
    return results, left_out


def _has_time(
    candidate: PlannedCandidate, folder: RunFolder, budget: TimeBudget, results: Sequence[CandidateResult]
) -> bool:
    """Returns whether a candidate is to be trained: there is time for it, or it was trained, at least in part."""
    if (folder.path / "trained.json").exists() or folder.checkpoint.exists():
        return True
    estimate = sum(result.candidate.seconds for result in results)
    slowdown = max(1.0, sum(result.seconds for result in results) / estimate) if estimate else 1.0
    return has_time_for(candidate, budget.left, slowdown=slowdown)


def _best(results: Sequence[CandidateResult]) -> CandidateResult:
    return max(results, key=lambda result: result.rank)


def _drop_losers(results: Sequence[CandidateResult]) -> None:
    """Removes the weights of all candidates but the best, and what only a killed training would need of any."""
    best = _best(results)
    for result in results:
        result.folder.remove_leftovers()
        if result is not best:
            shutil.rmtree(result.folder.model, ignore_errors=True)


def _make_run(
    folder: RunFolder,
    plan: Plan,
    results: Sequence[CandidateResult],
    left_out: Sequence[Mapping[str, Any]],
    splits: Splits,
    *,
    quiet: bool,
) -> None:
    """Makes the best candidate's files those of the run, and evaluates it; what a kill left undone is done."""
    best = _best(results)
    rows = [{**result.to_dict(), "chosen": result is best} for result in results]
    folder.write("candidates", [*rows, *({**one, "chosen": False} for one in left_out)])
    folder.write("choices", [*plan.notes, *(one["note"] for one in [*rows, *left_out] if "note" in one)])
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


def _request(plan: Plan) -> dict[str, Any]:
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
    if folder.read("plan")["asked"] == _request(plan):
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
    by_name = {candidate.name: candidate for candidate in plan.candidates}
    candidates = []
    for values in record["candidates"]:
        candidate = by_name[values["name"]]
        training = candidate.experiment.training.model_copy(update={"epochs": values["epochs"]})
        experiment = candidate.experiment.model_copy(update={"training": training})
        candidates.append(replace(candidate, experiment=experiment, seconds=values["seconds"]))
    return replace(plan, notes=tuple(record["notes"]), candidates=tuple(candidates))
