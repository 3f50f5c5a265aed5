"""Reads plain text files: a text a line."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tfapp.data.readers.block import Block
from tfapp.data.textfile import open_text

__all__ = ["COLUMN", "iter_blocks"]

COLUMN = "text"


def iter_blocks(path: Path, encoding: str, block_rows: int) -> Iterator[Block]:
    """Yields the lines as blocks of one column; row numbers are line numbers, and an empty line is an empty text."""
    with open_text(path, encoding, newline=None) as file:
        first, some = 1, list(islice(file, block_rows))
        while True:
            yield Block(first, {COLUMN: [line.rstrip("\n") for line in some]})
            first += len(some)
            some = list(islice(file, block_rows))
            if not some:
                return
