"""Implements `tfapp init`, which writes a commented settings file for a data file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tfapp.cli._data_file_options import FILE_HELP, TaskOption, with_hints

__all__ = ["init"]


@with_hints
def init(
    file: Annotated[str, typer.Argument(help=FILE_HELP)],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The settings file to write.")] = Path(
        "experiment.toml"
    ),
    name: Annotated[str | None, typer.Option(help="The experiment's name; by default the file's.")] = None,
    task: TaskOption = None,
    hints: dict[str, Any],
    force: Annotated[bool, typer.Option("--force", help="Replace an existing settings file.")] = False,
) -> None:
    """Inspects a data file and writes a commented settings file for it."""
    from functools import partial

    from tfapp import assets
    from tfapp.core.progress_bar import progress
    from tfapp.core.terminal import console
    from tfapp.data import write_starter
    from tfapp.tasks.experiments import load_experiment, task_settings
    from tfapp.tasks.settings_proposal import propose_settings

    with progress(f"looking at {file}", "bytes") as advance:
        proposal = propose_settings(file, task=task, hints=hints, pull=partial(assets.pull, on_progress=advance))
    target = write_starter(proposal, output, tasks=task_settings(), name=name, force=force)
    load_experiment(target)
    screen = console()
    for note in proposal.as_one().notes:
        screen.print(note, soft_wrap=True)
    screen.print(f"wrote {target}; next: tfapp train {target}", soft_wrap=True)
