"""`tfapp export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["export", "register"]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(export)


def export(
    run: Annotated[Path | None, typer.Argument(help="runs/NAME/TIME, or runs/NAME for the newest run.")] = None,
    *,
    preset: Annotated[
        str | None, typer.Option(help="Instead of a run: a preset, whose embeddings are served as they are.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="With --preset: the served model's name.")] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.NAME=VALUE", help="With --preset: a setting, as model.pooling=cls."),
    ] = None,
    to: Annotated[Path, typer.Option(help="The models folder that a server reads.")] = Path("models"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Publishes a run's model, or a preset's embeddings, as the next served version."""
    from tfapp import api
    from tfapp.errors import SettingsError
    from tfapp.terminal import console, print_json

    if (run is None) == (preset is None):
        raise SettingsError("export needs a run's folder, or --preset NAME for embeddings without a training")
    if run is not None and (name or overrides):
        raise SettingsError("--name and --set go with --preset; a run has its settings")
    if preset is not None:
        version = api.export_preset(preset, to, name=name, overrides=overrides or ())
    elif run is not None:
        version = api.export(run, to)
    if as_json:
        print_json({"model": version.parent.name, "version": int(version.name), "path": str(version)})
        return
    console().print(f"Published {version}; its README.md says what it is. Next: tfapp serve {to}")
