"""Defines the options by which a user overrides the detected properties of a data file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

import typer

from tfapp.cli._shared_options import add_options
from tfapp.core.option_values import named_values

__all__ = ["FILE_HELP", "Task", "with_hints"]

FILE_HELP = "A csv, tsv, jsonl, parquet, conll or SQuAD file, a folder, or a data set's name."

Task: TypeAlias = Annotated[
    str | None, typer.Option(help="The task, as in a settings file; detected by default.", show_default=False)
]
_Text: TypeAlias = Annotated[str | None, typer.Option(help="The column of the texts; detected by default.")]
_Label: TypeAlias = Annotated[str | None, typer.Option(help="The column of the labels; detected by default.")]
_Column: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="INPUT=NAME", help="The column of another input of the task, as candidate=answer."),
]
_Format: TypeAlias = Annotated[str | None, typer.Option(help="The file's format; by default by the suffix.")]
_Encoding: TypeAlias = Annotated[str | None, typer.Option(help="The file's text encoding; detected by default.")]
_Separator: TypeAlias = Annotated[str | None, typer.Option(help="Separates the fields of a csv; detected by default.")]
_Header: TypeAlias = Annotated[bool | None, typer.Option(help="Whether the first line names the columns.")]
_LabelSeparator: TypeAlias = Annotated[str | None, typer.Option(help="Separates the labels of one text.")]
_Dev: TypeAlias = Annotated[str | None, typer.Option(help="A file for the dev split; by default a share of FILE.")]
_Test: TypeAlias = Annotated[str | None, typer.Option(help="A file for the test split; by default a share of FILE.")]


def with_hints(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command, after its own options, those that override the detected properties of a data file.

    The command takes them as one argument, `hints`: values for the section `data`, by field.
    """
    return add_options(command, "hints", _read_hints)


def _read_hints(
    *,
    text: _Text = None,
    label: _Label = None,
    column: _Column = None,
    dev: _Dev = None,
    test: _Test = None,
    format: _Format = None,  # noqa: A002
    encoding: _Encoding = None,
    separator: _Separator = None,
    header: _Header = None,
    label_separator: _LabelSeparator = None,
) -> dict[str, Any]:
    values = {
        **{"text": text, "label": label, "dev": dev, "test": test, "format": format, "encoding": encoding},
        **{"separator": separator, "header": header, "label_separator": label_separator},
        **named_values("--column", column),
    }
    return {name: value for name, value in values.items() if value is not None}
