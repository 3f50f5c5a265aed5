"""Tells a plan as JSON values, which a run's folder keeps, and reads them to go on with the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from tfapp.config import dump_toml
from tfapp.errors import TrainingError
from tfapp.training import RunFolder
from tfapp.workflows.plan import Plan, PlannedCandidate

__all__ = ["find_resumable_plan", "plan_event", "plan_request", "read_plan"]

# Where a plan's record has its candidates, and whether there is time for these.
_PLANNED: Final = (("candidates", True), ("left_out", False))


def plan_request(plan: Plan) -> dict[str, Any]:
    """Returns the request of a plan, with which that of a resumed run is compared."""
    settings = [dump_toml(candidate.experiment) for candidate in plan.candidates]
    return {"quality": plan.quality, "minutes": plan.minutes, "settings": settings}


def plan_event(plan: Plan, folder: RunFolder) -> dict[str, Any]:
    """Returns a plan as JSON values, which are reported as an event and which `read_plan` reads from a run's folder."""
    candidates, others = (
        [_candidate_record(candidate) for candidate in plan.candidates if candidate.fits is fits]
        for fits in (True, False)
    )
    experiment = plan.experiment
    return {
        "event": "plan",
        "run": str(folder.path),
        "name": experiment.name,
        "task": experiment.task,
        "quality": plan.quality,
        "minutes": plan.minutes,
        "seconds": round(sum(candidate["seconds"] for candidate in candidates), 1),
        "notes": list(plan.notes),
        "candidates": candidates,
        "left_out": others,
    }


def _candidate_record(candidate: PlannedCandidate) -> dict[str, Any]:
    return {
        "name": candidate.name,
        "reason": candidate.reason,
        "seconds": round(candidate.seconds, 1),
        "epochs": candidate.experiment.training.epochs,
    }


def find_resumable_plan(plan: Plan, runs: Path) -> RunFolder | None:
    """Finds the newest run of the name, to go on with, or to leave alone if it is finished.

    Raises:
        TrainingError: It is not finished and was started with other settings.
    """
    folders = sorted((runs / plan.experiment.name).glob("*/plan.json"))
    if not folders:
        return None
    folder = RunFolder(folders[-1].parent)
    if folder.read("plan")["asked"] == plan_request(plan):
        return folder
    if folder.is_finished:
        return None
    raise TrainingError(
        f"{folder.path} was started with other settings, or on other data; give the same again, or start a new run "
        "without --resume"
    )


def read_plan(plan: Plan, folder: RunFolder) -> Plan:
    """Returns a plan with the estimates, and the cuts, that are recorded in the folder of a resumed run."""
    record = folder.read("plan")
    # Runs of before had notes alone of those that did not fit.
    values_by_name = {values["name"]: (values, fits) for key, fits in _PLANNED for values in record.get(key, [])}
    candidates = []
    for candidate in plan.candidates:
        if candidate.name in values_by_name:
            values, fits = values_by_name[candidate.name]
            training = candidate.experiment.training.model_copy(update={"epochs": values["epochs"]})
            experiment = candidate.experiment.model_copy(update={"training": training})
            candidates.append(replace(candidate, experiment=experiment, seconds=values["seconds"], fits=fits))
    return replace(plan, notes=tuple(record["notes"]), candidates=tuple(candidates))
