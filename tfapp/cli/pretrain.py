"""Implements `tfapp pretrain`, which teaches a BERT the language of texts without labels."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.train import JsonLines, Overrides, Resume, Runs, run_and_show

__all__ = ["pretrain"]


def pretrain(
    source: Annotated[
        Path, typer.Argument(help="Texts (txt: one per line, csv, tsv, jsonl, parquet, a folder), or a settings file.")
    ],
    *,
    name: Annotated[str | None, typer.Option(help="The run's name; by default the file's.")] = None,
    preset: Annotated[str | None, typer.Option(help="The BERT to continue with; by default minilm-l6.")] = None,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Start from random weights; sizes by --set model.fresh.NAME=VALUE.")
    ] = False,
    overrides: Overrides = None,
    to: Annotated[Path | None, typer.Option(help="A folder for a copy of the preset, beside the run's own.")] = None,
    runs: Runs = Path("runs"),
    resume: Resume = False,
    as_json: JsonLines = False,
) -> None:
    """Teaches a BERT the language of your texts, without labels; then any task can start from it."""
    from tfapp.core.terminal import console
    from tfapp.tasks.registry import task_function
    from tfapp.workflows.preset_export import check_target, copy_preset

    if to:
        check_target(to)
    make_experiment = task_function("pretraining_experiment")
    experiment = make_experiment(source, overrides or (), name=name, preset=preset, from_scratch=from_scratch)
    run = run_and_show(experiment, runs=runs, resume=resume, as_json=as_json)
    if run and to:
        copy_preset(run.path, to)
        if sys.stdout.isatty() and not as_json:
            console().print(f"Copied   {to}")
