"""Implements `tfapp models`, which lists, compares, labels and removes versions of models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer
from rich.filesize import decimal

from tfapp.cli import _model_tables as tables
from tfapp.cli._server_options import with_servers
from tfapp.core import terminal
from tfapp.core.command_options import Json
from tfapp.errors import ReleaseRefusedError
from tfapp.workflows.deploy import Servers

if TYPE_CHECKING:
    from tfapp.registry import Change

__all__ = ["app"]

app = typer.Typer(help="Versions and labels: list, promote, roll back, prune, compare.", no_args_is_help=True)

_ModelName: TypeAlias = Annotated[str, typer.Argument(help="The model's name.")]
_Version: TypeAlias = Annotated[int, typer.Argument(min=0, help="The version.")]
_Folder: TypeAlias = Annotated[Path, typer.Option("--models", help="The models folder.")]
_Config: TypeAlias = Annotated[
    Path | None, typer.Option("--config", help="The model config file; by default models.config in the folder.")
]
_VersionLabel: TypeAlias = Annotated[str, typer.Option(help="The label.")]

_DEFAULT_FOLDER: Final = Path("models")


@app.command("list")
def list_models(models: _Folder = _DEFAULT_FOLDER, config: _Config = None, json: Json = False) -> None:
    """Lists the models in a folder, with the version that is stable (or the newest that is served) and its metric."""
    from tfapp.workflows import version_catalogue

    catalogue = version_catalogue.describe(models, config=config)
    if json:
        terminal.print_json([tables.model_json(model) for model in catalogue])
        return
    rows = [
        [
            model.name,
            tables.number(model.released),
            tables.number(model.versions[-1]),
            tables.labels(model),
            model.released.task,
            tables.score(model.released),
        ]
        for model in catalogue
    ]
    tables.print_table(("model", "version", "newest", "labels", "task", "metric"), rows)
    tables.print_unchecked(catalogue)
    tables.print_warnings(catalogue)


@app.command()
def show(name: _ModelName, models: _Folder = _DEFAULT_FOLDER, config: _Config = None, json: Json = False) -> None:
    """Shows a model's versions, newest first."""
    from tfapp.workflows import version_catalogue

    (model,) = version_catalogue.describe(models, (name,), config)
    if json:
        terminal.print_json(tables.model_json(model))
        return
    rows = [
        [
            tables.number(version),
            " ".join(model.labels_of(version.version)),
            "yes" if version.version in model.served else "no",
            tables.score(version),
            decimal(version.size),
            tables.minute(version.exported),
        ]
        for version in reversed(model.versions)
    ]
    task = model.released.task
    terminal.console().print(f"{name}{', ' if task else ''}{task}, in {models}", soft_wrap=True)
    tables.print_table(("version", "labels", "served", "metric", "size", "exported"), rows)
    tables.print_unchecked([model])
    tables.print_warnings([model])


@app.command()
@with_servers
def promote(
    name: _ModelName,
    version: _Version,
    *,
    label: _VersionLabel = "stable",
    models: _Folder = _DEFAULT_FOLDER,
    config: _Config = None,
    force: Annotated[
        bool, typer.Option("--force", help="Even if its recorded metrics are worse, and not by chance.")
    ] = False,
    allow_unsafe_ops: Annotated[
        bool,
        typer.Option(
            "--allow-unsafe-ops", help="Even if it touches files, processes or the network; see `tfapp models check`."
        ),
    ] = False,
    json: Json = False,
    servers: Servers | None,
) -> None:
    """Moves a label to a version, which must load, warm up, and not be worse than the version that has the label.

    Where both were tried on the same texts, a difference that may be chance is told, and does not matter.
    """
    from tfapp.registry import LabelStore
    from tfapp.workflows import promotion_checks, release, version_catalogue

    versions = LabelStore.open(models, config).served_versions(name)
    with _print_settlement(name, models, config, json=json):
        change = release.promote(
            name,
            version,
            label=label,
            models=models,
            config=config,
            servers=servers,
            force=force,
            check=partial(promotion_checks.check_loads, allow_unsafe_ops=allow_unsafe_ops),
        )
    tables.print_change(change, version_catalogue.caller_versions(name, models=models, config=config), json=json)
    if change.note and not json:
        terminal.console().print(f"version {version}: {change.note}", markup=False, soft_wrap=True)
    if servers is None:
        _remark_unserved(change, versions, models)


@app.command()
@with_servers
def rollback(
    name: _ModelName,
    *,
    label: _VersionLabel = "stable",
    models: _Folder = _DEFAULT_FOLDER,
    config: _Config = None,
    json: Json = False,
    servers: Servers | None,
) -> None:
    """Moves a label back to the version that had it before."""
    from tfapp.registry import LabelStore
    from tfapp.workflows import release, version_catalogue

    versions = LabelStore.open(models, config).served_versions(name)
    with _print_settlement(name, models, config, json=json):
        change = release.rollback(name, label=label, models=models, config=config, servers=servers)
    tables.print_change(change, version_catalogue.caller_versions(name, models=models, config=config), json=json)
    if servers is None:
        _remark_unserved(change, versions, models)


@app.command()
@with_servers
def unlabel(
    name: _ModelName,
    label: Annotated[str, typer.Argument(help="The label.")],
    *,
    models: _Folder = _DEFAULT_FOLDER,
    config: _Config = None,
    json: Json = False,
    servers: Servers | None,
) -> None:
    """Removes a label, such as that of a canary that has ended."""
    from tfapp.workflows import release, version_catalogue

    change = release.unlabel(name, label, models=models, config=config, servers=servers)
    tables.print_change(change, version_catalogue.caller_versions(name, models=models, config=config), json=json)


@app.command()
def prune(
    name: _ModelName,
    *,
    keep: Annotated[int, typer.Option(help="How many of the newest versions to keep.")] = 3,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print which versions would be removed.")] = False,
    models: _Folder = _DEFAULT_FOLDER,
    config: _Config = None,
    json: Json = False,
) -> None:
    """Removes old versions, except those that are labelled, next in a rollback, or the newest that is served."""
    from tfapp.workflows import release

    result = release.prune(name, keep=keep, models=models, config=config, dry_run=dry_run)
    if json:
        terminal.print_json({"model": name, "versions": list(result.versions), "size": result.size, "dry_run": dry_run})
        return
    numbers = "versions " + ", ".join(map(str, result.versions)) if result.versions else "no versions"
    verb = "would remove" if dry_run else "removed"
    terminal.console().print(f"{name}: {verb} {numbers} ({decimal(result.size)})")


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="An exported model: NAME/VERSION, or NAME for its newest.")],
    json: Json = False,
) -> None:
    """Says whether an exported model touches files, processes or the network; exit status 2 if it does."""
    from tfapp.workflows import version_catalogue

    ops = version_catalogue.unsafe_ops(folder)
    if json:
        terminal.print_json([op.to_dict() for op in ops])
    elif ops:
        rows = [[op.by, op.op, op.effect, op.node] for op in ops]
        tables.print_table(("run by", "op", "what it does", "node"), rows)
    else:
        terminal.console().print(f"{folder}: only computes", soft_wrap=True)
    if ops:
        raise typer.Exit(2)


@app.command()
def diff(
    name: _ModelName,
    first: Annotated[int, typer.Argument(min=0, metavar="V1", help="The old version.")],
    second: Annotated[int, typer.Argument(min=0, metavar="V2", help="The new version.")],
    models: _Folder = _DEFAULT_FOLDER,
    json: Json = False,
) -> None:
    """Compares two versions: metrics, data, settings, labels, signatures, size."""
    from tfapp.workflows import version_catalogue

    difference = version_catalogue.compare(name, first, second, models=models)
    if json:
        terminal.print_json({"model": name, "from": first, "to": second, **difference.to_dict()})
        return
    tables.print_difference(difference, first, second)


@app.command()
def history(
    name: Annotated[str | None, typer.Argument(help="One model; by default all.")] = None,
    models: _Folder = _DEFAULT_FOLDER,
    config: _Config = None,
    json: Json = False,
) -> None:
    """Shows the changes to labels and versions, with who made them and when."""
    from tfapp.workflows import version_catalogue

    changes = version_catalogue.history(name, models=models, config=config)
    if json:
        terminal.print_json([change.to_dict() for change in changes])
        return
    rows = [
        [
            tables.minute(change.time),
            change.who,
            change.model,
            change.action,
            tables.moved_versions(change),
            change.note,
        ]
        for change in changes
    ]
    tables.print_table(("time", "who", "model", "action", "what", "note"), rows)


@contextmanager
def _print_settlement(name: str, models: Path, config: Path | None, *, json: bool) -> Iterator[None]:
    """Prints which version callers get where a label was not moved, but servers now load only labelled versions."""
    from tfapp.workflows import version_catalogue

    try:
        yield
    except ReleaseRefusedError as refusal:
        if refusal.settled:
            tables.print_settled(name, version_catalogue.caller_versions(name, models=models, config=config), json=json)
        raise


def _remark_unserved(change: Change, versions: set[int], models: Path) -> None:
    """Prints that a server may refuse the file where a label moves to a version that was not served so far."""
    if change.before not in (None, change.after) and change.after is not None and change.after not in versions:
        terminal.error_console().print(
            f"version {change.after} was not served so far. `tfapp serve {models}` moves the label when it has loaded "
            "it; a server with --model_config_file refuses the file until then: give --server to do it in steps",
            soft_wrap=True,
        )
