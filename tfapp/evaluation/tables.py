"""Tables of scores for a terminal, and of texts in Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from tfapp.evaluation.metrics import Measure, Scores

__all__ = ["markdown_table", "measure_table", "score_table", "truncate_text"]

_TEXT_LENGTH = 300


def score_table(name: str, unit: str, *groups: Sequence[Scores]) -> Table:
    """Returns a table of precision, recall and F1, a line between groups of rows; `unit` is the header of support."""
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


def truncate_text(text: str) -> str:
    """Returns a text in one line, white space folded, cut to 300 characters."""
    line = " ".join(text.split())
    return line if len(line) <= _TEXT_LENGTH else line[: _TEXT_LENGTH - 1].rstrip() + "…"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table of plain texts in Markdown; special characters are escaped, so that each stays in its cell."""
    lines = [head, ["---"] * len(head), *([_escape(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _escape(text: str) -> str:
    """Keeps a text in its cell and from being read as markdown or HTML: the signs become character references."""
    line = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"[|`*_\[\]\\{}~!:/@]", lambda sign: f"&#{ord(sign[0])};", line)
