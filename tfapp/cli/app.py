"""Joins the commands into one program and turns a user's mistake into one line and exit status 2."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import typer

from tfapp.core.files import FULL_DISK
from tfapp.core.terminal import clean_warnings, complain
from tfapp.errors import TfappError

__all__ = ["app", "main"]

app = typer.Typer(
    name="tfapp",
    help="From labelled text to a BERT model served by TensorFlow Serving.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

# In the order in which a user meets them. A module's `register(app)` adds its command; none of them imports
# TensorFlow before its command runs.
_COMMANDS = ("demo", "init", "assets", "data", "pretrain", "train", "evaluate", "export", "predict", "models", "serve")
_APPLICATIONS = ("support", "monitor", "recommend", "feedback")

for _module in (
    *(f"tfapp.cli.{name}" for name in _COMMANDS),
    *(f"tfapp.apps.{name}.cli" for name in _APPLICATIONS),
    "tfapp.cli.console",
):
    importlib.import_module(_module).register(app)


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
