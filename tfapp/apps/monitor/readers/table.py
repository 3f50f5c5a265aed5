"""Reads a csv or tsv file that is complete."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from tfapp.apps.monitor.batches import Batch, Checkpoint, SourceRow
from tfapp.apps.monitor.readers.follower import FileFollower
from tfapp.apps.shared.record_reader import read_records

__all__ = ["TableReader"]


class TableReader:
    """Reads the rows of a table that were not stored yet."""

    def __init__(self, file: Path, position: Mapping[str, Any] | None = None, *, size: int = 64) -> None:
        self._file = file
        self._done = int(position["rows"]) if position else 0
        self._size = size

    def batches(self, stop: threading.Event) -> Iterator[Batch]:
        """Yields the rows that were not stored yet in batches, as `Reader.batches` says."""
        rows = islice(read_records(self._file), self._done, None)
        while not stop.is_set() and (batch := list(islice(rows, self._size))):
            self._done += len(batch)
            source_rows = [SourceRow(f"line {row.line}", row) for row in batch]
            checkpoint = Checkpoint(FileFollower.name(self._file), {"rows": self._done})
            yield Batch(self._file.stem, source_rows, checkpoint)
