"""Reads plain text files: a text a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tfapp.data.readers.bounds import cell_bytes, iter_lines
from tfapp.data.readers.read_options import ReadOptions
from tfapp.data.readers.row_blocks import Block, group_rows
from tfapp.data.readers.textfile import open_text

__all__ = ["COLUMN", "iter_blocks"]

COLUMN = "text"


def iter_blocks(path: Path, options: ReadOptions) -> Iterator[Block]:
    """Yields the lines as blocks of one column; row numbers are line numbers, and an empty line is an empty text."""
    with open_text(path, options.encoding, newline=None) as file:
        rows = iter_lines(path, file)
        for first, lines in group_rows(
            rows, options.block_rows, weigh=lambda line: cell_bytes((line,)), most_bytes=options.block_bytes
        ):
            yield Block(first, {COLUMN: [line.rstrip("\n") for line in lines]})
