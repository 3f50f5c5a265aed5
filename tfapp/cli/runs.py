"""Implements `tfapp runs`, which lists, compares, chooses, averages and removes runs, and copies them to MLflow."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, cast

import typer
from rich.filesize import decimal

from tfapp.cli._model_tables import print_table
from tfapp.cli.train import Runs
from tfapp.core import terminal
from tfapp.core.command_options import Json, warn_of_secrets
from tfapp.core.wording import format_duration, pluralize
from tfapp.errors import SettingsError

if TYPE_CHECKING:
    from tfapp.evaluation import Evaluation
    from tfapp.training.model_soup import SoupMethod
    from tfapp.workflows.run_comparison import RunComparison
    from tfapp.workflows.run_prune import PrunedRuns
    from tfapp.workflows.run_records import RunRecord

__all__ = ["app"]

app = typer.Typer(help="Runs: list, compare, find the best, average, prune, copy to MLflow.", no_args_is_help=True)

_ExperimentName: TypeAlias = Annotated[str | None, typer.Argument(help="The experiment's name; by default all.")]
_RunPath: TypeAlias = Annotated[Path, typer.Argument(help="runs/NAME/TIME, or runs/NAME for the newest run.")]

_DEFAULT_FOLDER: Final = Path("runs")
_HEADINGS: Final = ("run", "score", "95 % interval", "of", "dev", "time")


@app.command("list")
def list_runs(name: _ExperimentName = None, runs: Runs = _DEFAULT_FOLDER, json: Json = False) -> None:
    """Lists runs with their scores and times, by name, oldest first."""
    from tfapp.workflows import run_records

    records = run_records.list_runs(runs, name=name)
    if json:
        terminal.print_json([record.to_dict() for record in records])
        return
    _print_records(records)


@app.command()
def compare(
    first: _RunPath,
    second: _RunPath,
    *,
    data: Annotated[
        str | None,
        typer.Option(help="Compare what `tfapp evaluate RUN --data` said of this file; by default of the test splits."),
    ] = None,
    rows: Annotated[int, typer.Option(min=0, help="How many texts to print that one gets right alone.")] = 10,
    json: Json = False,
) -> None:
    """Compares two runs: settings, data, metrics, significance on the same rows, texts that one alone gets right."""
    from tfapp.workflows.run_comparison import compare_runs

    comparison = compare_runs(first, second, data=data)
    if json:
        terminal.print_json(comparison.to_dict())
        return
    _print_comparison(comparison, rows)


@app.command()
def best(name: _ExperimentName = None, runs: Runs = _DEFAULT_FOLDER, json: Json = False) -> None:
    """Says which run is the best on dev, of those on the data of the newest one, and which may be as good."""
    from tfapp.workflows.run_choice import best_run

    choice = best_run(runs, name=name)
    if json:
        terminal.print_json(choice.to_dict())
        return
    _print_records([choice.best, *choice.others])
    screen = terminal.console()
    screen.print(f"Best on dev  {choice.best.path}", soft_wrap=True)
    if choice.by_chance:
        names = ", ".join(record.name for record in choice.by_chance)
        screen.print(f"By the same test rows the difference may be chance for {names}", soft_wrap=True)
    if choice.left_out:
        why = "on other data, not finished, or without a score on dev"
        screen.print(f"Left out: {pluralize(choice.left_out, 'run')}, {why}", soft_wrap=True)


@app.command()
def average(
    runs: Annotated[list[Path], typer.Argument(help="runs/NAME/TIME, or runs/NAME for the newest run.")],
    *,
    method: Annotated[
        str, typer.Option(help="greedy: those that do not make the dev score worse, from the best on; uniform: all.")
    ] = "greedy",
    epochs: Annotated[
        bool, typer.Option("--epochs", help="Average the epochs that they kept by training.keep_epochs.")
    ] = False,
    name: Annotated[
        str | None, typer.Option(help="The result's name; by default the first run's, and -average.")
    ] = None,
    to: Annotated[Path, typer.Option(help="The folder of all runs.")] = _DEFAULT_FOLDER,
    json: Json = False,
) -> None:
    """Averages the weights of runs of one network (a model soup) into a run of its own."""
    from tfapp.workflows.run_average import average_runs

    run = average_runs(runs, method=cast("SoupMethod", method), epochs=epochs, name=name, to=to, quiet=json)
    evaluation, record = run.evaluation, run.folder.read("parts")
    if json:
        terminal.print_json({"run": str(run.path), **record, "evaluation": evaluation.to_dict()})
        return
    rows = [[part["name"], f"{part['dev']:.4f}", "yes" if part["member"] else "no"] for part in record["parts"]]
    headings = ("part", f"dev {record['score_name']}", "in the average")
    print_table(headings, [*rows, ["the average", f"{record['dev']:.4f}", ""]], names=True)
    screen = terminal.console()
    screen.print(evaluation.headline())
    screen.print(f"Run      {run.path}", soft_wrap=True)
    screen.print(f"Report   {run.folder.report}", soft_wrap=True)


@app.command()
def prune(
    name: _ExperimentName = None,
    *,
    keep: Annotated[int, typer.Option(help="How many of the newest runs of each name to keep.")] = 3,
    models: Annotated[
        list[Path] | None, typer.Option(help="A models folder, whose versions' runs stay; by default models.")
    ] = None,
    runs: Runs = _DEFAULT_FOLDER,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print which runs would be removed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove them without asking.")] = False,
    json: Json = False,
) -> None:
    """Removes old runs, except the best on each data, those that run, and those that something came from."""
    from tfapp.workflows.run_prune import prune_runs

    folders = models or [Path("models")]
    options: dict[str, Any] = {"name": name, "keep": keep, "models": folders}
    for folder in folders:
        if not folder.is_dir():
            note = "no such folder, so no published version keeps its run; --models names another"
            terminal.error_console().print(f"{folder}: {note}", soft_wrap=True)
    plan = prune_runs(runs, **options, dry_run=True)
    if not json:
        _print_pruned(plan, "would remove")
    if dry_run or not plan.removed:
        if json:
            terminal.print_json({**plan.to_dict(), "dry_run": True})
        return
    if not yes:
        if json or not sys.stdin.isatty():
            raise SettingsError("nothing was removed: --yes removes these runs, --dry-run only shows them")
        typer.confirm("Remove them for good?", abort=True)
    # What a process has begun to train since, or was published from, stays after all.
    result = prune_runs(runs, **options, only=plan.removed)
    if json:
        terminal.print_json({**result.to_dict(), "dry_run": False})
        return
    terminal.console().print(f"removed {pluralize(len(result.removed), 'run')} ({decimal(result.size)})")


@app.command()
def track(
    runs: Annotated[list[Path], typer.Argument(help="runs/NAME/TIME, or runs/NAME for the newest run.")],
    *,
    uri: Annotated[
        str,
        typer.Option(
            envvar="MLFLOW_TRACKING_URI",
            callback=warn_of_secrets,
            help="MLflow's database (sqlite:///mlflow.db) or server (http://HOST:PORT).",
        ),
    ],
    json: Json = False,
) -> None:
    """Copies finished runs to MLflow: settings, scores, curves and times, no texts and no weights."""
    from tfapp.workflows.run_tracking import track_runs

    copies = track_runs(runs, uri)
    if json:
        terminal.print_json([run.to_dict() for run in copies])
        return
    for run in copies:
        state = "is copied" if run.is_new else "is there already"
        terminal.console().print(f"{run.run} {state}: experiment {run.experiment}, run {run.run_id}", soft_wrap=True)


def _print_records(records: Sequence[RunRecord]) -> None:
    print_table(_HEADINGS, [_row(record) for record in records], names=True)
    for record in records:
        if record.problem:
            terminal.error_console().print(f"{record.path}: cannot be read: {record.problem}", soft_wrap=True)


def _row(record: RunRecord) -> list[str]:
    evaluation, dev = record.evaluation, record.dev
    dev_score = f"{dev.score:.3f}" if dev else "-"
    seconds = "-" if record.seconds is None else format_duration(record.seconds)
    if evaluation is None:
        return [record.name, record.state, "-", "-", dev_score, seconds]
    score = f"{evaluation.main_name} {evaluation.display(evaluation.main_score)}"
    split = "" if record.evaluated_on == "test split" else f", {record.evaluated_on}"
    of = f"{evaluation.count:,} {evaluation.unit}{split}"
    return [record.name, score, _interval(evaluation, evaluation.main_interval), of, dev_score, seconds]


def _interval(evaluation: Evaluation, interval: tuple[float, float]) -> str:
    return "–".join(evaluation.display(end) for end in interval)


def _print_comparison(comparison: RunComparison, rows: int) -> None:
    screen = terminal.console()
    names = comparison.labels
    changes = [("settings", comparison.settings), ("data", comparison.data)]
    table = [[part, name, *map(_value, values)] for part, entries in changes for name, values in entries.items()]
    times = [comparison.first.seconds, comparison.second.seconds]
    table.append(["time", "", *("-" if seconds is None else format_duration(seconds) for seconds in times)])
    print_table(("part", "name", *names), table)
    print_table(("metric", *names, "difference", "p"), [_metric_row(comparison, name) for name in comparison.metrics])
    if rows and comparison.rows:
        print_table(
            ("row", "text", "truth", *names),
            [[str(row.row), row.text, row.truth, row.first, row.second] for row in _some_rows(comparison, rows)],
        )
        if len(comparison.rows) > rows:
            screen.print(f"{len(comparison.rows) - rows:,} more rows: use --rows, or --json for all")
    for line in (comparison.verdict, *comparison.notes):
        screen.print(line, soft_wrap=True)


def _metric_row(comparison: RunComparison, name: str) -> list[str]:
    intervals, test = comparison.intervals.get(name, [None, None]), comparison.tests.get(name)
    scores = [_with_interval(*pair) for pair in zip(comparison.metrics[name], intervals, strict=True)]
    if test is None:
        return [name, *scores, "", ""]
    low, high = test.interval
    return [name, *scores, f"{test.difference:+.4f} ({low:+.4f} to {high:+.4f})", f"{test.p_value:.2g}"]


def _some_rows(comparison: RunComparison, count: int) -> Sequence[Any]:
    """Returns some of the rows that differ, those that the first run gets right before those of the second."""
    rows_by_winner = [[row for row in comparison.rows if row.better == winner] for winner in ("first", "second")]
    half = count - min(count // 2, len(rows_by_winner[1]))
    first = rows_by_winner[0][:half]
    return [*first, *rows_by_winner[1][: count - len(first)]]


def _value(value: Any) -> str:
    return "-" if value is None else str(value)


def _with_interval(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" + (f" ({interval[0]:.4f} to {interval[1]:.4f})" if interval else "")


def _print_pruned(plan: PrunedRuns, verb: str) -> None:
    screen = terminal.console()
    for path, reason in plan.kept.items():
        screen.print(f"{path} stays: {reason}", soft_wrap=True)
    for path in plan.removed:
        screen.print(f"{verb} {path}", soft_wrap=True)
    if not plan.removed:
        screen.print("no run to remove")
    else:
        screen.print(f"{pluralize(len(plan.removed), 'run')}, {decimal(plan.size)}")
