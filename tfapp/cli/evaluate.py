"""Implements `tfapp evaluate`, which evaluates a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["evaluate"]


def evaluate(
    run: Annotated[Path, typer.Argument(help="runs/NAME/TIME, or runs/NAME for the newest run.")],
    data: Annotated[
        str | None, typer.Option(help="Labelled texts; by default the test split of the run's data.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the evaluation as one JSON object.")] = False,
) -> None:
    """Evaluates a run: prints the scores and writes a report page."""
    from tfapp import api
    from tfapp.core.terminal import console, print_json

    result = api.open_run(run)
    evaluation = result.evaluate(data)
    if as_json:
        print_json(evaluation.to_dict())
        return
    screen = console()
    screen.print(evaluation.table())
    screen.print(evaluation.headline())
    report = result.folder.evaluation_folder(data) / "report.html"
    screen.print(f"Report   {report}")
