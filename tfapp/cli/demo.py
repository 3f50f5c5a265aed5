"""Implements `tfapp demo`, which trains, exports, serves and calls a first model."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table
    from tfapp_client import Classification

    from tfapp import Run

__all__ = ["demo"]

# Sentences of our own, one a topic and one that is between two.
_SENTENCES = (
    "The central bank raised interest rates as inflation hit a three-year high.",
    "The striker scored twice in the second half to send his team to the cup final.",
    "The film took three awards at the festival, among them best director.",
    "Ministers will debate the new tax law in parliament on Tuesday.",
    "The phone maker unveiled a thinner handset with a faster chip.",
    "Shares of the football club rose after it sold its television rights.",
)
_DATA = "bbc-news"


def demo(
    folder: Annotated[Path, typer.Option(help="The folder for runs/ and models/.")] = Path(),
    settings: Annotated[Path | None, typer.Option(help="Another settings file, instead of BBC News.")] = None,
) -> None:
    """Runs the whole flow once: trains on BBC News, exports, serves, predicts, and says what to do next."""
    from tfapp import api
    from tfapp.core.terminal import console
    from tfapp.core.threads import set_training_threads

    set_training_threads()
    screen = console()
    screen.rule(f"1. Train on {settings or _DATA}")
    run = _train(settings, folder / "runs")
    screen.print(run.evaluation.table())
    screen.print(run.evaluation.headline())
    screen.rule("2. Export a SavedModel that takes raw strings")
    version = api.export(run, folder / "models")
    screen.print(f"Published {version}")
    screen.rule("3. Serve it, and ask over gRPC")
    with api.serve(folder / "models") as server:
        screen.print(f"Serving at {server.address}")
        answers = server.client.classify(run.experiment.name, list(_SENTENCES))
    screen.print(_table(answers))
    screen.rule("What next")
    screen.print(_next_steps(run.path, folder / "models", run.experiment.name), soft_wrap=True)


def _train(settings: Path | None, runs: Path) -> Run:
    """Trains by a settings file, or as `tfapp train` does on a data file."""
    from tfapp import api
    from tfapp.cli._training_output import PlanText
    from tfapp.core.terminal import console
    from tfapp.tasks.experiments import load_experiment

    if settings:
        return api.fit(load_experiment(settings), runs=runs)
    return api.fit_plan(api.make_plan(_DATA), runs=runs, on_event=PlanText(console()))


def _table(answers: Sequence[Classification]) -> Table:
    from rich.table import Table

    table = Table("text", "label", "score")
    for text, answer in zip(_SENTENCES, answers, strict=True):
        table.add_row(text, answer.label, f"{answer.score:.3f}")
    return table


def _next_steps(run: Path, models: Path, name: str) -> str:
    # As the user would type it: with the environment's path unless it is active.
    folder = Path(sys.argv[0]).parent
    bin_ = "" if folder == Path() or shutil.which("tfapp") == sys.argv[0] else f"{folder}/"
    return "\n".join(
        [
            f"The curves      {bin_}tensorboard --logdir {run / 'tensorboard'}",
            f"The report      {run / 'report.html'}",
            f"Your own file   {bin_}tfapp train FILE.csv, then {bin_}tfapp serve models",
            f"Serve for good  {bin_}tfapp serve {models}",
            f'Ask without it  {bin_}tfapp predict {models / name} "Shares fell."',
            "The notebook    notebooks/quickstart.ipynb",
        ]
    )
