"""Reads json lines from a pipe, such as standard input."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator
from typing import BinaryIO, Final

from tfapp.apps.monitor.batches import Batch, SourceRow
from tfapp.apps.monitor.readers.lines import LONGEST_LINE, line_row

__all__ = ["PipeReader"]

_CHUNK: Final = 1 << 16


class PipeReader:
    """Reads a pipe to its end; it cannot be read again, so rows that were not stored must be sent again."""

    def __init__(self, pipe: BinaryIO, *, size: int = 64, source: str = "stdin") -> None:
        self._descriptor = pipe.fileno()
        self._size = size
        self._source = source

    def batches(self, stop: threading.Event) -> Iterator[Batch]:
        """Yields the lines as soon as they are there, in batches, as `Reader.batches` says."""
        number = 0
        for lines in self._lines(stop):
            for start in range(0, len(lines), self._size):
                rows: list[SourceRow] = []
                for line in lines[start : start + self._size]:
                    number += 1
                    row = line_row(f"line {number}", line)
                    rows += [row] if row else []
                yield Batch(self._source, rows)

    def _lines(self, stop: threading.Event) -> Iterator[list[bytes]]:
        """Yields the lines that came together."""
        remainder = b""
        while not stop.is_set():
            if not select.select([self._descriptor], [], [], 0.2)[0]:
                continue
            chunk = os.read(self._descriptor, _CHUNK)
            if not chunk:
                break
            *lines, remainder = (remainder + chunk).split(b"\n")
            # Of a line that is too long, no more is kept than tells that it is.
            remainder = remainder[: LONGEST_LINE + 1]
            yield lines
        if remainder.strip() and not stop.is_set():
            yield [remainder]
