"""Joins the commands into one program and turns a user's mistake into one line and exit status 2."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from tfapp.apps.registry import APPLICATIONS
from tfapp.cli import assets, data, models, runs, serve
from tfapp.cli.console import console
from tfapp.cli.demo import demo
from tfapp.cli.evaluate import evaluate
from tfapp.cli.export import export
from tfapp.cli.init import init
from tfapp.cli.predict import predict
from tfapp.cli.pretrain import pretrain
from tfapp.cli.search import search
from tfapp.cli.train import train
from tfapp.core.files import FULL_DISK
from tfapp.core.terminal import clean_warnings, complain
from tfapp.errors import TfappError
from tfapp.version import __version__

__all__ = ["app", "main"]

app = typer.Typer(
    name="tfapp",
    help="From labelled text to a BERT model served by TensorFlow Serving.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

# In the order in which a user meets them; none imports TensorFlow before it runs.
for _command in (demo, init, pretrain, train, search, evaluate, export, predict):
    app.command()(_command)
for _name, _group in {"assets": assets.app, "data": data.app, "runs": runs.app, "models": models.app}.items():
    app.add_typer(_group, name=_name)
serve.register(app)
for _application in APPLICATIONS:
    app.add_typer(_application.commands(), name=_application.name)
app.command()(console)


def _print_version(value: bool) -> None:
    if value:
        print(f"tfapp {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Takes the options of the program itself."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line, or these arguments instead of the process's own, and ends the process."""
    clean_warnings()
    try:
        app(None if arguments is None else list(arguments))
    except TfappError as error:
        complain(str(error))
        sys.exit(2)
    except OSError as error:
        # Wherever it was that the disk had no more room, it is no defect of ours.
        if error.errno not in FULL_DISK:
            raise
        complain(f"{error.filename or 'the disk'}: {error.strerror}; free some space and try again")
        sys.exit(2)
    except KeyboardInterrupt:
        complain("interrupted")
        sys.exit(130)
