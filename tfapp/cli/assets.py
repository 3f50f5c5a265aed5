"""Implements `tfapp assets`, which lists and downloads presets and data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.filesize import decimal

from tfapp.core import terminal
from tfapp.core.progress_bar import progress

if TYPE_CHECKING:
    from tfapp.assets import Asset

__all__ = ["app"]

app = typer.Typer(help="Presets and data sets by name: list, download, locate.", no_args_is_help=True)


@app.command("list")
def list_assets(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """Lists the presets and data sets, and which of them are downloaded."""
    from tfapp import assets

    rows = [_entry(asset) for asset in assets.catalogue().values()]
    if json:
        terminal.print_json(rows)
    else:
        _print_table(rows)


@app.command("pull")
def pull_assets(names: Annotated[list[str], typer.Argument(help="Names as in `tfapp assets list`.")]) -> None:
    """Downloads presets and data sets into the cache folder, each once."""
    from tfapp import assets

    for name in names:
        assets.require(name)
    for name in names:
        with progress(f"pulling {name}", unit="bytes", quiet=assets.is_pulled(name)) as advance:
            folder = assets.pull(name, on_progress=advance)
        print(f"{name}: {folder}")


@app.command("path")
def path_of_asset(name: Annotated[str, typer.Argument(help="A name as in `tfapp assets list`.")]) -> None:
    """Prints the folder of a downloaded preset or data set."""
    from tfapp import assets

    print(assets.path(name))


def _entry(asset: Asset) -> dict[str, Any]:
    from tfapp import assets

    fields = ("name", "kind", "title", "description", "licence", "source", "size")
    return {
        **{field: getattr(asset, field) for field in fields},
        "requirement": asset.archive.requirement,
        "sha256": asset.archive.sha256,
        "download_size": asset.archive.size,
        "pulled": assets.is_pulled(asset.name),
    }


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table("name", "kind", box=None, pad_edge=False)
    table.add_column("size", justify="right", no_wrap=True)
    for heading in ("licence", "pulled", "title"):
        table.add_column(heading)
    for row in rows:
        size, is_cached = decimal(row["download_size"]), "yes" if row["pulled"] else "no"
        table.add_row(row["name"], row["kind"], size, row["licence"], is_cached, row["title"])
    terminal.console().print(table)
