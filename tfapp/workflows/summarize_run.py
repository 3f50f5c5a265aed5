"""Reads the summary of a run from its folder, for its report and the model card."""

from __future__ import annotations

import json
from dataclasses import asdict

from tfapp.errors import TfappError
from tfapp.evaluation import Evaluation
from tfapp.evaluation.learning_curve import LearningCurve
from tfapp.evaluation.run_summary import RunSummary, TrainingCurves
from tfapp.evaluation.score_comparison import compare_scores
from tfapp.tasks.registry import read_evaluation
from tfapp.training import RunFolder
from tfapp.workflows.answer_file import with_answers

__all__ = ["read_curves", "read_learning_curve", "read_members", "summarize_run", "write_learning_curve"]


def summarize_run(folder: RunFolder, evaluation: Evaluation) -> RunSummary:
    """Returns the summary of a run: its data, its curves, and a comparison with the evaluation of the run before."""
    report = folder.read("data")["report"]
    return RunSummary(
        rows_read=report["rows_read"],
        rows=report["rows"],
        findings=[(finding["message"], finding["action"]) for finding in report["findings"]],
        curves=read_curves(folder),
        learning_curve=read_learning_curve(folder),
        comparison=_compare_with_run_before(folder, evaluation),
    )


def write_learning_curve(folder: RunFolder, curve: LearningCurve) -> None:
    """Keeps a learning curve in the run's folder."""
    folder.write("learning_curve", asdict(curve))


def read_learning_curve(folder: RunFolder) -> LearningCurve | None:
    """Returns the run's learning curve; None where none was measured."""
    values = folder.read_if_there("learning_curve", None)
    return values and LearningCurve(**values | {name: tuple(values[name]) for name in ("sizes", "scores")})


def read_members(folder: RunFolder) -> list[str]:
    """Returns the names of the parts whose weights a run is the average of; none of a run that was trained."""
    return [part["name"] for part in folder.read_if_there("parts", {"parts": []})["parts"] if part["member"]]


def read_curves(folder: RunFolder) -> TrainingCurves | None:
    """Returns the curves of a run's training; None of fewer than two epochs."""
    try:
        lines = [json.loads(line) for line in folder.history.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        return None
    epochs = [line for line in lines if line["event"] == "epoch"]
    if len(epochs) < 2:
        return None
    # A search over fits of the head has no steps of its own: its epochs are counted instead.
    steps = [line["step"] for line in epochs]
    counts_epochs = len(set(steps)) < len(steps) or any("penalty" in line for line in epochs)
    points = [
        (line["epoch"] if counts_epochs else line["step"], line["loss"], line["score"], line["best"]) for line in epochs
    ]
    losses = [] if counts_epochs else [(line["step"], line["loss"]) for line in lines if line["event"] == "step"]
    return TrainingCurves(epochs[0]["score_name"], losses, points)


def _compare_with_run_before(folder: RunFolder, evaluation: Evaluation) -> str:
    """Compares with the newest earlier run of the experiment that was evaluated on the same rows."""
    for path in sorted(folder.path.parent.glob("*/evaluation.json"), reverse=True):
        other = RunFolder(path.parent)
        if other.path.name >= folder.path.name or not other.is_finished:
            continue
        try:
            before = with_answers(other.answers, read_evaluation(other.read("evaluation")))
        except (TfappError, ValueError):
            continue
        if before.rows_fingerprint and before.rows_fingerprint == evaluation.rows_fingerprint:
            return compare_scores(before.record(f"run {other.path.name}"), evaluation.record("this run"))
    return ""
