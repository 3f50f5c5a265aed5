"""Implements `tfapp train`, which trains and evaluates a model, from a data file or a settings file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from tfapp.cli._data_file_options import FILE_HELP, TaskOption, with_hints
from tfapp.errors import SettingsError

if TYPE_CHECKING:
    from tfapp.api import Run
    from tfapp.config import Experiment
    from tfapp.workflows.plan import Plan

__all__ = ["JsonLines", "Overrides", "Resume", "Runs", "run_and_show", "train", "train_plan"]

Overrides: TypeAlias = Annotated[
    list[str] | None, typer.Option("--set", metavar="SECTION.NAME=VALUE", help="Overrides a setting.")
]
Runs: TypeAlias = Annotated[Path, typer.Option(help="The folder of all runs.")]
Resume: TypeAlias = Annotated[bool, typer.Option(help="Continue the newest run, unless it is finished.")]
JsonLines: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON lines; the default if the output is not a terminal.")
]


@with_hints
def train(
    file: Annotated[
        str, typer.Argument(help=f"{FILE_HELP} Or a settings file (.toml), as `tfapp init DATA_FILE` writes one.")
    ],
    overrides: Overrides = None,
    *,
    runs: Runs = Path("runs"),
    resume: Resume = False,
    as_json: JsonLines = False,
    quality: Annotated[
        str,
        typer.Option(
            help="For a data file. fast: the output layer alone; good: what an expert would do; best: more is compared."
        ),
    ] = "good",
    minutes: Annotated[float | None, typer.Option(help="For a data file: a bound on the time.")] = None,
    models: Annotated[
        Path | None,
        typer.Option(
            help="Publish the model in this folder; by default, of a data file in models, of settings nowhere.",
            show_default=False,
        ),
    ] = None,
    publish: Annotated[bool, typer.Option(help="Publish the model of a data file.")] = True,
    name: Annotated[str | None, typer.Option(help="The model's name; by default the data file's.")] = None,
    task: TaskOption = None,
    hints: dict[str, Any],
) -> None:
    """Trains a model on labelled text and evaluates it; writes a run's folder.

    A data file's settings are chosen, and its model is published. A settings file is trained as it is.
    """
    from functools import partial

    from tfapp import api, assets
    from tfapp.core.progress_bar import progress
    from tfapp.tasks.experiments import load_experiment

    if Path(file).suffix.lower() == ".toml":
        options = {"name": name, "task": task, "minutes": minutes, **hints}
        flag = next((key for key, value in options.items() if value is not None), None)
        if flag or quality != "good":
            option = (flag or "quality").replace("_", "-")
            raise SettingsError(f"--{option} is for a data file; {file} has settings, which --set overrides")
        experiment = load_experiment(file, overrides or [])
        run_and_show(experiment, runs=runs, resume=resume, as_json=as_json, models=models if publish else None)
        return
    with progress(f"looking at {file}", "bytes", quiet=as_json) as advance:
        plan = api.make_plan(
            file,
            name=name,
            task=task,
            quality=quality,
            minutes=minutes,
            hints=hints,
            overrides=overrides or [],
            pull=partial(assets.pull, on_progress=advance),
        )
    target = (models or Path("models")) if publish else None
    train_plan(plan, runs=runs, resume=resume, as_json=as_json, models=target)


def train_plan(plan: Plan, *, runs: Path, resume: bool, as_json: bool, models: Path | None) -> Run:
    """Trains a plan's candidates, prints the progress, and publishes the best one where `models` is given."""
    from tfapp import api
    from tfapp.cli._training_output import PlanText, TrainingLines
    from tfapp.core.terminal import console, print_json
    from tfapp.core.threads import set_training_threads

    set_training_threads()
    as_json = as_json or not sys.stdout.isatty()
    observers = [TrainingLines()] if as_json else []
    on_event = print_json if as_json else PlanText(console())
    run = api.fit_plan(plan, runs=runs, resume=resume, quiet=as_json, observers=observers, on_event=on_event)
    if as_json:
        print_json({"event": "evaluation", **run.evaluation.to_dict()})
    _end(run, models=models, as_json=as_json)
    return run


def run_and_show(
    experiment: Experiment, *, runs: Path, resume: bool, as_json: bool, models: Path | None = None
) -> Run | None:
    """Trains with a progress bar, or JSON lines, and prints the result; returns None to all workers but the first.

    The run is published where `models` is given. JSON lines are printed where the output is no terminal, too.
    """
    from tfapp.api import fit
    from tfapp.cli._training_output import TrainingLines
    from tfapp.core.terminal import console, print_json
    from tfapp.core.threads import set_training_threads

    set_training_threads()
    as_json = as_json or not sys.stdout.isatty()
    observers = [TrainingLines()] if as_json else []
    run = fit(experiment, runs=runs, resume=resume, quiet=as_json, observers=observers)
    if not run.folder.is_finished:
        # Of several workers, the first one alone writes the run.
        if as_json:
            print_json({"event": "end", "run": None})
        else:
            console().print("This worker is done; the first worker has the run")
        return None
    _end(run, models=models, as_json=as_json)
    return run


def _end(run: Run, *, models: Path | None, as_json: bool) -> None:
    """Publishes a finished run where `models` is given, and prints its scores and where its files are."""
    from tfapp.cli._published_version import PublishedVersion
    from tfapp.core.terminal import console, print_json
    from tfapp.tasks.registry import find_task

    evaluation, record = run.evaluation, run.folder.read("finished")
    has_preset = run.folder.preset.is_dir()
    # What makes nothing to serve has no card.
    has_card = find_task(run.experiment.task).card is not None
    version = PublishedVersion.look_up(run.export(models, quiet=as_json), models) if models and has_card else None
    if as_json:
        if version:
            print_json({"event": "published", "version": str(version.path), "callers": version.callers_json})
        result = {"test": {"score": evaluation.main_score, "score_name": evaluation.main_name, "loss": evaluation.loss}}
        counts = {name: record.get(name) for name in ("trained_weights", "weights")}
        preset = {"preset": str(run.folder.preset)} if has_preset else {}
        print_json({"event": "end", "run": str(run.path), **preset, **counts, **result})
        return
    screen = console()
    screen.print(evaluation.table())
    screen.print(evaluation.headline())
    if "weights" in record:
        screen.print(f"Trained  {record['trained_weights']:,} of {record['weights']:,} weights")
    for name, location in {
        "Run": run.path,
        "Report": run.folder.report,
        "Settings": run.path / "settings.toml",
    }.items():
        screen.print(f"{name:<8} {location}", soft_wrap=True)
    screen.print(f"Curves   tensorboard --logdir {run.folder.tensorboard}", soft_wrap=True)
    if version:
        screen.print(f"Model    {version.path}", soft_wrap=True)
        if version.note:
            screen.print(version.note, soft_wrap=True)
        version.print_callers()
    if has_preset:
        screen.print(f"Next     tfapp train SETTINGS --set model.preset={run.folder.preset}", soft_wrap=True)
    else:
        screen.print(f"Next     {version.next_command if version else f'tfapp export {run.path}'}", soft_wrap=True)
