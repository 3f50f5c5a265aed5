"""Texts of the data in lists and in Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

__all__ = ["markdown_table", "shorten"]

_TEXT_LENGTH = 300


def shorten(text: str) -> str:
    """Returns a text in one line, white space folded, cut to 300 characters."""
    line = " ".join(text.split())
    return line if len(line) <= _TEXT_LENGTH else line[: _TEXT_LENGTH - 1].rstrip() + "…"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table of plain texts in Markdown; whatever they hold stays text, and in its cell."""
    lines = [head, ["---"] * len(head), *([_escape(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _escape(text: str) -> str:
    """Keeps a text in its cell and from being read as markdown or HTML: the signs become character references."""
    line = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"[|`*_\[\]\\{}~!:/@]", lambda sign: f"&#{ord(sign[0])};", line)
