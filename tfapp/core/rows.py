"""Rows of input texts, as people give them, and the columns that models take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from tfapp.errors import SettingsError

__all__ = ["Row", "check_rows", "row_line", "to_columns", "to_rows"]

Row: TypeAlias = str | Sequence[str]
"""The input of one answer: a text; for a task of several inputs its texts, in the order of the contract's inputs."""


def check_rows(rows: Sequence[Row], inputs: Sequence[str]) -> list[Row]:
    """Checks the rows that a user gave for a task with these inputs, and returns them as a list.

    Raises:
        SettingsError: One string stands for the list, or a row has another form; names the row.
    """
    is_text = len(inputs) == 1
    expected = "texts" if is_text else f"({', '.join(inputs)})"
    if isinstance(rows, str):
        raise SettingsError(f"texts is one string; give a list of {expected}")
    for number, row in enumerate(rows, start=1):
        texts = [row] if isinstance(row, str) else list(row) if isinstance(row, Sequence) else [row]
        if isinstance(row, str) != is_text or len(texts) != len(inputs) or not all(isinstance(t, str) for t in texts):
            raise SettingsError(f"row {number}: got {row!r:.80}; give a list of {expected}")
    return list(rows)


def to_columns(rows: Sequence[Row], inputs: Sequence[str]) -> dict[str, list[str]]:
    """Turns N rows into one list of N texts an input, by the inputs' names."""
    if len(inputs) == 1:
        return {inputs[0]: [str(row) for row in rows]}
    return {name: [row[column] for row in rows] for column, name in enumerate(inputs)}


def to_rows(columns: Mapping[str, Sequence[str]], inputs: Sequence[str]) -> list[Row]:
    """Turns the columns of `to_columns` back into rows."""
    if len(inputs) == 1:
        return list(columns[inputs[0]])
    return list(zip(*(columns[name] for name in inputs), strict=True))


def row_line(row: Row) -> str:
    """Returns a row as one text, for messages and lists of mistakes."""
    return row if isinstance(row, str) else " → ".join(row)
