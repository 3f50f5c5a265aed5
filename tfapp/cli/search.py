"""Implements `tfapp search`, which finds settings by trials and trains the best of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tfapp.cli.train import JsonLines, Overrides, Runs
from tfapp.core.command_options import warn_of_secrets

if TYPE_CHECKING:
    from tfapp.workflows.search import SearchResult

__all__ = ["search"]


def search(
    file: Annotated[
        str,
        typer.Argument(
            help="A settings file (.toml), whose section `search` says what is tried; by default what suits the task. "
            "Or a data file, for which settings are chosen."
        ),
    ],
    overrides: Overrides = None,
    *,
    trials: Annotated[int, typer.Option(help="How many trials the study has at the most, over all calls.")] = 20,
    minutes: Annotated[
        float | None, typer.Option(help="How long to search at the most, over all calls; the winner comes after.")
    ] = None,
    seeds: Annotated[
        int, typer.Option(help="With how many other seeds the winner is trained and evaluated on test; 0: not at all.")
    ] = 3,
    keep_seeds: Annotated[
        bool, typer.Option(help="Keep the runs of the other seeds in RUNS/NAME-seeds, for `tfapp runs average`.")
    ] = False,
    storage: Annotated[
        str | None,
        typer.Option(
            callback=warn_of_secrets,
            help="The URL of a database that several machines share, such as postgresql://HOST/NAME; by default a "
            "SQLite file beside the runs.",
        ),
    ] = None,
    runs: Runs = Path("runs"),
    as_json: JsonLines = False,
) -> None:
    """Searches settings by trials on dev, trains the best with other seeds, and evaluates it on test.

    The same command goes on with a search that was killed. Several may run at the same time.
    """
    import tfapp
    from tfapp.core.terminal import print_json

    as_json = as_json or not sys.stdout.isatty()
    result = tfapp.search(
        file,
        trials=trials,
        minutes=minutes,
        seeds=seeds,
        keep_seeds=keep_seeds,
        storage=storage,
        overrides=overrides or [],
        runs=runs,
        quiet=as_json,
        on_event=print_json if as_json else lambda _: None,
    )
    if not as_json:
        _show(result)


def _show(result: SearchResult) -> None:
    from tfapp.core.terminal import console

    screen = console()
    for name, value in result.best.parameters.items():
        screen.print(f"{name} = {value:.3g}" if isinstance(value, float) else f"{name} = {value}")
    screen.print(result.headline(), soft_wrap=True)
    if result.path:
        screen.print(f"Run      {result.path}", soft_wrap=True)
    screen.print(f"Report   {result.report}", soft_wrap=True)
    if result.path:
        screen.print(f"Next     tfapp export {result.path}", soft_wrap=True)
