"""The options by which a user helps the look at a data file; every command that looks at one has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, TypeAlias

import typer

__all__ = [
    "FILE_HELP",
    "Column",
    "Dev",
    "Encoding",
    "Format",
    "Header",
    "Label",
    "LabelSeparator",
    "Separator",
    "Task",
    "Test",
    "Text",
    "hints",
]

FILE_HELP = "A csv, tsv, jsonl, parquet, conll or SQuAD file, a folder, or a data set's name."

Task: TypeAlias = Annotated[
    str | None, typer.Option(help="The task, as in a settings file; detected by default.", show_default=False)
]
Text: TypeAlias = Annotated[str | None, typer.Option(help="The column of the texts; detected by default.")]
Label: TypeAlias = Annotated[str | None, typer.Option(help="The column of the labels; detected by default.")]
Column: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="INPUT=NAME", help="The column of another input of the task, as candidate=answer."),
]
Format: TypeAlias = Annotated[str | None, typer.Option(help="The file's format; by default by the suffix.")]
Encoding: TypeAlias = Annotated[str | None, typer.Option(help="The file's text encoding; detected by default.")]
Separator: TypeAlias = Annotated[str | None, typer.Option(help="Separates the fields of a csv; detected by default.")]
Header: TypeAlias = Annotated[bool | None, typer.Option(help="Whether the first line names the columns.")]
LabelSeparator: TypeAlias = Annotated[str | None, typer.Option(help="Separates the labels of one text.")]
Dev: TypeAlias = Annotated[str | None, typer.Option(help="A file for the dev split; by default a share of FILE.")]
Test: TypeAlias = Annotated[str | None, typer.Option(help="A file for the test split; by default a share of FILE.")]


def hints(columns: Iterable[str] | None, **settings: Any) -> dict[str, Any]:
    """Returns values for the section `data` by field: of the items of `--column`, and of what else was given.

    Raises:
        SettingsError: An item of `--column` has another form.
    """
    from tfapp.apps.shared.cli_options import named_values

    values = {**settings, **named_values("--column", columns)}
    return {name: value for name, value in values.items() if value is not None}
