"""`tfapp train`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

if TYPE_CHECKING:
    from tfapp.api import Run
    from tfapp.config import Experiment

__all__ = ["JsonLines", "Overrides", "Resume", "Runs", "run_and_show", "train"]

Overrides: TypeAlias = Annotated[
    list[str] | None, typer.Option("--set", metavar="SECTION.NAME=VALUE", help="Overrides a setting.")
]
Runs: TypeAlias = Annotated[Path, typer.Option(help="The folder of all runs.")]
Resume: TypeAlias = Annotated[bool, typer.Option(help="Continue the newest run, unless it is finished.")]
JsonLines: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON lines; the default if the output is not a terminal.")
]


def train(
    settings: Annotated[Path, typer.Argument(help="The settings file; `tfapp init DATA_FILE` writes one.")],
    *,
    overrides: Overrides = None,
    runs: Runs = Path("runs"),
    models: Annotated[Path | None, typer.Option(help="Publish the finished run into this models folder.")] = None,
    resume: Resume = False,
    as_json: JsonLines = False,
) -> None:
    """Trains a model on labelled text and evaluates it; writes a run's folder."""
    from tfapp.core.terminal import console, print_json
    from tfapp.tasks.experiments import load_experiment

    run = run_and_show(load_experiment(settings, overrides or []), runs=runs, resume=resume, as_json=as_json)
    if run is None or models is None:
        return
    as_json = as_json or not sys.stdout.isatty()
    version = run.export(models, quiet=as_json)
    if as_json:
        print_json({"event": "published", "version": str(version)})
    else:
        console().print(f"Model    {version}")


def run_and_show(experiment: Experiment, *, runs: Path, resume: bool, as_json: bool) -> Run | None:
    """Trains with a progress bar, or JSON lines, and prints what came of it; returns None to all workers but the first.

    JSON lines are printed where the output is no terminal, too.
    """
    from tfapp.api import fit
    from tfapp.core.terminal import console, print_json
    from tfapp.core.threads import set_training_threads
    from tfapp.workflows.training_output import TrainingLines

    set_training_threads()
    as_json = as_json or not sys.stdout.isatty()
    observers = [TrainingLines()] if as_json else []
    run = fit(experiment, runs=runs, resume=resume, quiet=as_json, observers=observers)
    if not run.folder.finished:
        # Of several workers, the first one alone writes the run.
        if as_json:
            print_json({"event": "end", "run": None})
        else:
            console().print("This worker is done; the first worker has the run")
        return None
    evaluation = run.evaluation
    finished = run.folder.read("finished")
    if as_json:
        result = {"test": {"score": evaluation.main_score, "score_name": evaluation.main_name, "loss": evaluation.loss}}
        counts = {name: finished.get(name) for name in ("trained_weights", "weights")}
        preset = {"preset": str(run.folder.preset)} if run.folder.preset.is_dir() else {}
        print_json({"event": "end", "run": str(run.path), **preset, **counts, **result})
        return run
    screen = console()
    screen.print(evaluation.table())
    screen.print(evaluation.headline())
    if "weights" in finished:
        screen.print(f"Trained  {finished['trained_weights']:,} of {finished['weights']:,} weights")
    screen.print(f"Run      {run.path}")
    screen.print(f"Report   {run.folder.report}")
    screen.print(f"Curves   tensorboard --logdir {run.folder.tensorboard}")
    trained_preset = f"tfapp train SETTINGS --set model.preset={run.folder.preset}"
    screen.print(f"Next     {trained_preset if run.folder.preset.is_dir() else f'tfapp export {run.path}'}")
    return run
