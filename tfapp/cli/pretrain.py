"""`tfapp pretrain`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfapp.cli.train import JsonLines, Overrides, Resume, Runs, run_and_show
from tfapp.core.files import safe_name
from tfapp.errors import SettingsError

if TYPE_CHECKING:
    from tfapp.config import Experiment

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
    from tfapp.workflows.preset_export import check_target, copy_preset

    if to:
        check_target(to)
    values: dict[str, Any] = {"name": name, "model.preset": preset, "model.fresh": {} if from_scratch else None}
    experiment = _experiment(
        source, {key: value for key, value in values.items() if value is not None}, overrides or []
    )
    run = run_and_show(experiment, runs=runs, resume=resume, as_json=as_json)
    if run and to:
        copy_preset(run.path, to)
        if sys.stdout.isatty() and not as_json:
            console().print(f"Copied   {to}")


def _experiment(source: Path, chosen: dict[str, Any], overrides: list[str]) -> Experiment:
    """Returns the settings of a file of texts, or of a settings file, with what the options say over them."""
    from tfapp.tasks.experiments import load_experiment, parse_experiment

    if source.suffix == ".toml":
        if chosen:
            option = {"model.preset": "--preset", "model.fresh": "--from-scratch"}
            options = ", ".join(option.get(key, f"--{key}") for key in chosen)
            raise SettingsError(f"{options}: goes with a file of texts; in a settings file, set it there or with --set")
        experiment = load_experiment(source, overrides)
        if experiment.task != "pretraining":
            raise SettingsError(f'{source}: its task is {experiment.task}; `tfapp pretrain` needs task = "pretraining"')
        return experiment
    model = {key.partition(".")[2]: value for key, value in chosen.items() if key.startswith("model.")}
    data = {"train": str(source), "dev_share": 0.05, "test_share": 0.0}
    name = safe_name(source.stem) or "pretraining"
    values = {"name": chosen.get("name", name), "task": "pretraining", "data": data, "model": model}
    return parse_experiment(values, overrides)
