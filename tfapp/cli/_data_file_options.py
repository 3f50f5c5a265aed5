"""Defines the options by which a user overrides the detected properties of a data file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

import typer

from tfapp.cli._shared_options import add_options
from tfapp.core.command_options import named_values

__all__ = ["FILE_HELP", "TaskOption", "with_hints"]

FILE_HELP = "A csv, tsv, jsonl, parquet, conll or SQuAD file, a folder, or a data set's name."

TaskOption: TypeAlias = Annotated[
    str | None, typer.Option(help="The task, as in a settings file; detected by default.", show_default=False)
]
_TextOption: TypeAlias = Annotated[str | None, typer.Option(help="The column of the texts; detected by default.")]
_LabelOption: TypeAlias = Annotated[str | None, typer.Option(help="The column of the labels; detected by default.")]
_ColumnOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="INPUT=NAME", help="The column of another input of the task, as candidate=answer."),
]
_FormatOption: TypeAlias = Annotated[str | None, typer.Option(help="The file's format; by default by the suffix.")]
_EncodingOption: TypeAlias = Annotated[str | None, typer.Option(help="The file's text encoding; detected by default.")]
_SeparatorOption: TypeAlias = Annotated[
    str | None, typer.Option(help="Separates the fields of a csv; detected by default.")
]
_HeaderOption: TypeAlias = Annotated[bool | None, typer.Option(help="Whether the first line names the columns.")]
_LabelSeparatorOption: TypeAlias = Annotated[str | None, typer.Option(help="Separates the labels of one text.")]
_DevOption: TypeAlias = Annotated[
    str | None, typer.Option(help="A file for the dev split; by default a share of FILE.")
]
_TestOption: TypeAlias = Annotated[
    str | None, typer.Option(help="A file for the test split; by default a share of FILE.")
]


def with_hints(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command, after its own options, those that override the detected properties of a data file.

    The command takes them as one argument, `hints`: values for the section `data`, by field.
    """
    return add_options(command, "hints", _read_hints)


def _read_hints(
    *,
    text: _TextOption = None,
    label: _LabelOption = None,
    column: _ColumnOption = None,
    dev: _DevOption = None,
    test: _TestOption = None,
    format: _FormatOption = None,  # noqa: A002
    encoding: _EncodingOption = None,
    separator: _SeparatorOption = None,
    header: _HeaderOption = None,
    label_separator: _LabelSeparatorOption = None,
) -> dict[str, Any]:
    values = {
        **{"text": text, "label": label, "dev": dev, "test": test, "format": format, "encoding": encoding},
        **{"separator": separator, "header": header, "label_separator": label_separator},
        **named_values("--column", column),
    }
    return {name: value for name, value in values.items() if value is not None}
