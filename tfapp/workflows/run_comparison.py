"""Compares two runs: settings, data, metrics with intervals, significance on the same rows, texts, curves and time."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfapp.data.notebook_tables import html_table
from tfapp.errors import TrainingError
from tfapp.evaluation import Evaluation
from tfapp.evaluation.differing_rows import DifferingRow, differing_rows
from tfapp.evaluation.paired_tests import PairedTest, paired_bootstrap
from tfapp.evaluation.row_answers import sum_by_group
from tfapp.evaluation.run_summary import TrainingCurves
from tfapp.evaluation.score_comparison import are_same_rows, compare_scores, paired_test
from tfapp.tasks.registry import read_evaluation
from tfapp.training import RunFolder
from tfapp.workflows.answer_file import count_shared_rows, with_answers
from tfapp.workflows.run import Run, open_run
from tfapp.workflows.run_records import RunRecord, read_run
from tfapp.workflows.summarize_run import read_curves
from tfapp.workflows.version_catalogue import changed_entries

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["RunComparison", "compare_runs"]


@dataclass(frozen=True)
class RunComparison:
    """The comparison of two runs.

    Attributes:
        first: One run.
        second: The other one.
        settings: The settings that differ, [first, second] by dotted name; None where a run's task has no such setting.
        data: What differs in their data and in what they ran on, [first, second] by name.
        metrics: The metrics, [first, second] by name; None where a run has no such metric.
        intervals: The 95 % intervals of those that have one.
        verdict: Whether the main scores tell which run is better, in a sentence.
        test: The paired test of the main scores; None where there is none on the same rows.
        tests: The paired tests of the metrics that have one on the same rows, that of the main scores among them.
        rows: The rows that one gets right and the other wrong, in the order of the file.
        notes: What else there is to know, a sentence each: what was not compared, and what to do about it.
        curves: The curves of both trainings; None where there are none.
    """

    first: RunRecord
    second: RunRecord
    settings: Mapping[str, list[Any]]
    data: Mapping[str, list[Any]]
    metrics: Mapping[str, list[float | None]]
    intervals: Mapping[str, list[tuple[float, float] | None]]
    verdict: str
    test: PairedTest | None
    tests: Mapping[str, PairedTest]
    rows: tuple[DifferingRow, ...]
    notes: tuple[str, ...]
    curves: tuple[TrainingCurves | None, TrainingCurves | None]

    @property
    def labels(self) -> tuple[str, str]:
        """Returns the names of the runs for headings: their times alone where both are of one experiment."""
        return _labels(self.first, self.second)

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON has it."""
        return {
            "runs": [self.first.to_dict(), self.second.to_dict()],
            "settings": dict(self.settings),
            "data": dict(self.data),
            "metrics": {
                name: [
                    None if value is None else {"value": value, "interval": interval}
                    for value, interval in zip(values, self.intervals.get(name, [None, None]), strict=True)
                ]
                for name, values in self.metrics.items()
            },
            "verdict": self.verdict,
            "test": _test_values(self.test) if self.test else None,
            "tests": {name: _test_values(test) for name, test in self.tests.items()},
            "rows": [asdict(row) for row in self.rows],
            "notes": list(self.notes),
            "curves": [asdict(curves) if curves else None for curves in self.curves],
        }

    def figures(self) -> dict[str, tuple[Figure, str]]:
        """Returns the curves of both trainings in one drawing, with its description; nothing where there are none."""
        from tfapp.evaluation.run_plots import draw_run_curves

        pairs = zip(self.labels, self.curves, strict=True)
        curves_by_label = {label: curves for label, curves in pairs if curves is not None}
        return (
            {"curves": (draw_run_curves(curves_by_label), "Training loss and score on dev, by step")}
            if curves_by_label
            else {}
        )

    def _repr_html_(self) -> str:
        """Returns the verdict, the differences, the metrics and the curves, for Jupyter."""
        from tfapp.evaluation.plots import to_svg

        sentences = "".join(f"<p>{html.escape(text)}</p>" for text in (self.verdict, *self.notes))
        entries = {**self.settings, **self.data, **self.metrics}
        rows = [[name, *("–" if value is None else str(value) for value in values)] for name, values in entries.items()]
        drawings = "".join(to_svg(figure, description) for figure, description in self.figures().values())
        return sentences + html_table(["", *self.labels], rows) + drawings

    def __str__(self) -> str:
        """Returns the verdict, and where the rest is."""
        return "\n".join([self.verdict, *self.notes, "more: .settings, .metrics, .rows, .figures(), .to_dict()"])


def compare_runs(first: Run | str | Path, second: Run | str | Path, *, data: str | Path | None = None) -> RunComparison:
    """Compares two runs by the files in their folders.

    Scores on the same rows are compared by the exact test of McNemar where answers are right or wrong, else by a paired
    bootstrap; see `tfapp.evaluation.paired_tests`. Scores on other rows are not compared.

    Args:
        first: A run, or its folder: `runs/NAME/TIME`, or `runs/NAME` for the newest one.
        second: The other one.
        data: Compare the evaluations on this file, which `tfapp evaluate RUN --data FILE` made; by default those on the
            test split.

    Raises:
        TrainingError: There is no such run, both are the same one, or one was not evaluated.
    """
    runs = [run if isinstance(run, Run) else open_run(run) for run in (first, second)]
    if runs[0].path.resolve() == runs[1].path.resolve():
        raise TrainingError(f"{runs[0].path}: compared with itself; name two runs")
    first_run, second_run = (
        _read_evaluated_run(read_run(run.path), None if data is None else str(data)) for run in runs
    )
    verdict, test, notes = _test_scores(first_run, second_run)
    return RunComparison(
        first=first_run.record,
        second=second_run.record,
        settings=changed_entries(first_run.record.settings, second_run.record.settings),
        data=changed_entries(_data(first_run.record), _data(second_run.record)),
        metrics=_pair_entries(first_run.evaluation.metrics(), second_run.evaluation.metrics()),
        intervals=_pair_entries(first_run.evaluation.intervals(), second_run.evaluation.intervals()),
        verdict=verdict,
        test=test,
        tests=_metric_tests(first_run.evaluation, second_run.evaluation, test),
        rows=tuple(differing_rows(first_run.evaluation, second_run.evaluation)),
        notes=tuple(notes),
        curves=(read_curves(first_run.record.folder), read_curves(second_run.record.folder)),
    )


@dataclass(frozen=True)
class _EvaluatedRun:
    """A run with the evaluation that is compared, and the file of its answers."""

    record: RunRecord
    evaluation: Evaluation
    answers: Path
    command: str


def _read_evaluated_run(record: RunRecord, data: str | None) -> _EvaluatedRun:
    folder = RunFolder(record.folder.evaluation_folder(data))
    command = f"tfapp evaluate {record.path}" + (f" --data {data}" if data else "")
    if record.problem:
        raise TrainingError(f"{record.path}: the run cannot be read: {record.problem}; choose another run")
    if not (folder.path / "evaluation.json").is_file():
        state = (
            f"is {record.state}" if record.state != "finished" else f"was not evaluated on {data or 'its test split'}"
        )
        next_command = (
            command if record.state == "finished" else f"tfapp train {record.path / 'settings.toml'} --resume"
        )
        raise TrainingError(f"{record.path}: the run {state}; `{next_command}` first")
    values = folder.read("evaluation")
    evaluation = with_answers(folder.answers, read_evaluation(values))
    record_of_data = replace(record, evaluation=evaluation, evaluated_on=values.get("on", "test split"))
    return _EvaluatedRun(record_of_data, evaluation, folder.answers, command)


def _test_scores(first: _EvaluatedRun, second: _EvaluatedRun) -> tuple[str, PairedTest | None, list[str]]:
    """Returns the verdict in a sentence, the test behind it, and notes on both runs."""
    labels = _labels(first.record, second.record)
    first_score, second_score = (
        run.evaluation.record(f"run {label}") for run, label in zip((first, second), labels, strict=True)
    )
    cautions = [
        f"run {run.record.name}: {run.evaluation.caution()}" for run in (first, second) if run.evaluation.caution()
    ]
    if first_score.name != second_score.name:
        return f"not compared: {first_score.name} and {second_score.name} are different scores", None, cautions
    if not are_same_rows(first_score, second_score):
        return _other_rows(first, second), None, cautions
    test = paired_test(first_score, second_score)
    runs_without_answers = [run for run in (first, second) if run.evaluation.answers is None]
    notes = [
        f"run {run.record.name} has no answers to single rows on record; if an earlier version made it, "
        f"`{run.command}` adds them"
        for run in runs_without_answers
    ]
    if all(run.record.evaluated_on == "dev split" for run in (first, second)):
        notes.append("both scores are of the dev split, by which the epochs were chosen")
    return compare_scores(first_score, second_score), test, [*notes, *cautions]


def _labels(first: RunRecord, second: RunRecord) -> tuple[str, str]:
    if first.path.parent.name == second.path.parent.name and first.path.name != second.path.name:
        return first.path.name, second.path.name
    return first.name, second.name


def _metric_tests(first: Evaluation, second: Evaluation, main: PairedTest | None) -> dict[str, PairedTest]:
    """Returns the paired tests of all metrics that have a value a row; none where the main scores have none."""
    if main is None:
        return {}
    tests = {next(iter(first.metrics())): main}
    first_answers, second_answers = first.answers, second.answers
    if first_answers is None or second_answers is None or len(first_answers) != len(second_answers):
        return tests
    for name in first_answers.measures.keys() & second_answers.measures.keys():
        terms = (
            np.stack([values.measures[name], np.ones(len(values))], axis=1)
            for values in (first_answers, second_answers)
        )
        tests[name] = paired_bootstrap(*(sum_by_group(values, first_answers.groups) for values in terms))
    return tests


def _test_values(test: PairedTest) -> dict[str, Any]:
    return {**asdict(test), "is_different": test.is_different}


def _other_rows(first: _EvaluatedRun, second: _EvaluatedRun) -> str:
    """Returns that two runs were evaluated on other rows, how many they share, and the way out."""
    for run in (first, second):
        if not run.evaluation.rows_fingerprint:
            return (
                f"not compared: run {run.record.name}, of an earlier version, does not say which rows it was evaluated "
                f"on; `{run.command}` adds that"
            )
    counts = f"{first.evaluation.count:,} and {second.evaluation.count:,}"
    row_count = count_shared_rows(first.answers, second.answers)
    note = "" if row_count is None else f", which share {row_count:,}"
    commands = " and ".join(f"`tfapp evaluate {run.record.path} --data FILE`" for run in (first, second))
    return (
        f"not compared: they were evaluated on different {first.evaluation.unit} ({counts}{note}); "
        f"evaluate both on one file that neither learnt from, {commands}, and give --data FILE here"
    )


def _data(record: RunRecord) -> dict[str, Any]:
    """Returns the record of a run's data and environment."""
    environment = record.folder.read_if_there("environment", {})
    packages = {f"{name} version": number for name, number in environment.get("packages", {}).items()}
    machine = {name: environment.get(name) for name in ("python", "platform", "cpus", "gpus")}
    rows = {f"{split} rows": count for split, count in record.rows.items()}
    return {"data fingerprint": record.data[:12], **rows, **machine, **packages}


def _pair_entries(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Returns the entries of both by name, None for one that is missing."""
    return {name: [first.get(name), second.get(name)] for name in dict.fromkeys([*first, *second])}
