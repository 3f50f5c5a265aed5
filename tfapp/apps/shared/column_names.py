"""Finds the columns of a file by their usual names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tfapp.errors import SettingsError

__all__ = ["check_named", "find_columns"]

Usual = Mapping[str, Sequence[str]]


def check_named(given: Iterable[str], usual: Usual) -> None:
    """Refuses a --column for something that is not read.

    Raises:
        SettingsError: There is one.
    """
    for name in given:
        if name not in usual:
            raise SettingsError(f"--column {name}: give NAME=COLUMN, where NAME is one of {', '.join(usual)}")


def find_columns(present: Iterable[str], given: Mapping[str, str], usual: Usual) -> dict[str, str]:
    """Returns the columns by what they hold: those that are given, and others that have a usual name.

    Args:
        present: The file's columns.
        given: Column names by what they hold.
        usual: By what a column may hold, the names that it usually has, in lower case.

    Example:
        >>> find_columns(["ID", "Title"], {}, {"item": ("item", "id"), "title": ("title",)})
        {'item': 'ID', 'title': 'Title'}
    """
    there = {name.lower(): name for name in reversed(list(present))}
    found = {
        what: next((there[name] for name in names if name in there), None)
        for what, names in usual.items()
        if what not in given
    }
    return {**given, **{what: name for what, name in found.items() if name is not None}}
