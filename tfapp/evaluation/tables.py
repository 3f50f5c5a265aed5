"""Tables of scores, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from tfapp.evaluation.metrics import Measure, Scores

__all__ = ["measure_table", "score_table"]


def score_table(name: str, unit: str, *groups: Sequence[Scores]) -> Table:
    """Returns a table of precision, recall and F1, a line between groups of rows; `unit` is what support counts."""
    from rich.table import Table
    from rich.text import Text

    table = Table()
    table.add_column(name, overflow="fold")
    for column in ("precision", "recall", "F1", unit):
        table.add_column(column, justify="right")
    for rows in groups:
        for row in rows:
            numbers = (f"{value:.3f}" for value in (row.precision, row.recall, row.f1))
            table.add_row(Text(row.name), *numbers, str(row.support))
        table.add_section()
    return table


def measure_table(measures: Iterable[Measure], digits: str = ".3f") -> Table:
    """Returns a table of measures with their intervals; `digits` is the format of their numbers."""
    from rich.table import Table

    table = Table()
    table.add_column("measure")
    for name in ("score", "from", "to"):
        table.add_column(name, justify="right")
    for measure in measures:
        table.add_row(measure.name, *(format(value, digits) for value in (measure.value, *measure.interval)))
    return table
