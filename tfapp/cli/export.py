"""Implements `tfapp export`, which publishes a run's model for servers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["export"]


def export(
    run: Annotated[Path | None, typer.Argument(help="runs/NAME/TIME, or runs/NAME for the newest run.")] = None,
    *,
    preset: Annotated[
        str | None, typer.Option(help="Instead of a run: a preset, whose embeddings are published without training.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="With --preset: the served model's name.")] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="SECTION.NAME=VALUE",
            help="A setting of the export, as export.max_length=64; with --preset any, as model.pooling=cls.",
        ),
    ] = None,
    encoder: Annotated[str | None, typer.Option(help="packed or plain; as --set export.encoder=...")] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            help="float32, bfloat16 or int8, or auto for the fastest that keeps the score on dev; "
            "as --set export.precision=..."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Publish in fewer bits, even if the score on dev falls too much.")
    ] = False,
    to: Annotated[
        Path | None,
        typer.Option(
            help="The models folder that a server reads, by default models; else a folder, by default named as it."
        ),
    ] = None,
    format: Annotated[  # noqa: A002
        str,
        typer.Option(
            help="savedmodel to be served; onnx for ONNX Runtime, OpenVINO and others; huggingface for Transformers or "
            "sentence-transformers."
        ),
    ] = "savedmodel",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Publishes a run's model, or a preset's embeddings, as the next served version; or writes a run's otherwise."""
    from tfapp import api
    from tfapp.cli._published_version import PublishedVersion
    from tfapp.core.terminal import console, print_json
    from tfapp.core.threads import set_compute_threads
    from tfapp.errors import SettingsError
    from tfapp.registry.version_metadata import read_metadata

    if (run is None) == (preset is None):
        raise SettingsError("export needs a run's folder, or --preset NAME for embeddings without a training")
    if run is not None and name:
        raise SettingsError("--name goes with --preset; a run has its name")
    options = {"encoder": encoder, "precision": precision}
    settings = [*(overrides or ()), *(f"export.{key}={value}" for key, value in options.items() if value)]
    # As `tfapp serve` computes, so that precisions are compared as they will be served.
    set_compute_threads()
    if format != "savedmodel":
        _export_for_others(run, to, format, settings, as_json=as_json)
        return
    models = to or Path("models")
    if preset is not None:
        version = api.export_preset(preset, models, name=name, overrides=settings, force=force)
    elif run is not None:
        version = api.export(run, models, overrides=settings, force=force)
    published_version = PublishedVersion.look_up(version, models)
    choice = read_metadata(version).get("precision_choice")
    if as_json:
        record = {"model": version.parent.name, "version": int(version.name), "path": str(version)}
        if choice:
            record["precision_choice"] = choice
        print_json({**record, "callers": published_version.callers_json})
        return
    if choice:
        console().print(choice["sentence"], soft_wrap=True)
    next_step = f"{published_version.note} Next: {published_version.next_command}".lstrip()
    console().print(f"Published {version}; its README.md says what it is. {next_step}", soft_wrap=True)
    published_version.print_callers()


def _export_for_others(run: Path | None, to: Path | None, format: str, settings: list[str], *, as_json: bool) -> None:  # noqa: A002
    """Writes a run's model for runtimes other than TensorFlow Serving, and prints where it is."""
    from tfapp import api
    from tfapp.core.terminal import console, print_json
    from tfapp.errors import SettingsError

    if run is None:
        raise SettingsError(f"--format {format} needs a run's folder; a preset is published as a SavedModel")
    if any(setting.startswith("export.encoder=") for setting in settings):
        raise SettingsError(f"--encoder says how SavedModels compute; leave it out with --format {format}")
    folder = api.export(run, to, format=format, overrides=settings)  # type: ignore[arg-type]
    if as_json:
        print_json({"model": folder.name, "path": str(folder)})
    else:
        console().print(f"Written to {folder}; its README.md says how to call it.", soft_wrap=True)
