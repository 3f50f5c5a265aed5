"""Prints the outputs that the commands of several applications share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from tfapp.core.terminal import console
from tfapp.core.wording import pluralize

if TYPE_CHECKING:
    from tfapp.apps.shared.ingest import IngestResult

__all__ = ["print_embedded", "print_ingest", "print_line", "print_rejected"]


def print_line(name: str, text: str) -> None:
    """Prints a line with its name in the first column."""
    console().print(f"{name:10}{text}", markup=False, soft_wrap=True)


def print_embedded(embedded: int, everything: str, *, others: bool) -> None:
    """Prints how many of all texts or items were embedded, where the others had been before."""
    note = "; the others were already embedded" if others else ""
    print_line("Embedded", f"{embedded} of {everything}{note}")


def print_ingest(result: IngestResult) -> None:
    """Prints the counts of an ingest, and the reasons of rejected rows."""
    counts = f"{result.added} new, {pluralize(result.repeated, 'duplicate')}, {result.rejected} rejected"
    print_line("Read", f"{pluralize(result.rows, 'row')}: {counts}")
    for reason, count in result.reasons.items():
        print_line("", f"{count} x {reason}")


def print_rejected(rows: Iterable[Mapping[str, object]]) -> None:
    """Prints the beginning of each rejected row, with its line and the reason."""
    for row in rows:
        print_line("", f"{row['source']}, line {row['line']}: {row['reason']}: {str(row['content'])[:80]}")
