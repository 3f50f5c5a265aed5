"""Reads a folder of files, each once."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, Final

from tfapp.apps.monitor.batches import Batch, Checkpoint, SourceRow
from tfapp.apps.monitor.readers.follower import FileFollower
from tfapp.apps.monitor.readers.table import TableReader
from tfapp.apps.shared.record_reader import Record, RejectedRow
from tfapp.errors import DataError

__all__ = ["FolderReader"]

_LINES: Final = (".jsonl", ".ndjson")
_TABLES: Final = (".csv", ".tsv")
_TEXTS: Final = (".txt",)


@dataclass
class FolderReader:
    """Reads the files of a folder in the order of their names: json lines, tables, and texts, one a file.

    Files of json lines may grow. Others are read once they are there, so they must appear by rename; a text whose file
    changes is another text.

    Attributes:
        folder: The folder.
        positions: What was stored, by checkpoint's name.
        follow: Wait for more files.
        size: Rows of a batch, at most.
        pause: Seconds between two looks.
    """

    folder: Path
    positions: dict[str, Mapping[str, Any]]
    _: KW_ONLY
    follow: bool = True
    size: int = 64
    pause: float = 0.5

    def __post_init__(self) -> None:
        self.positions = dict(self.positions)

    def batches(self, stop: threading.Event) -> Iterator[Batch]:
        """Yields the rows of the files in batches, as `Reader.batches` says."""
        while not stop.is_set():
            is_new = False
            for file in self._files():
                if stop.is_set():
                    return
                for batch in self._read(file, stop):
                    is_new = True
                    if batch.checkpoint is not None:
                        self.positions[batch.checkpoint.name] = batch.checkpoint.position
                    yield batch
            if not is_new:
                if not self.follow:
                    return
                stop.wait(self.pause)

    def _files(self) -> list[Path]:
        try:
            names = sorted(path for path in self.folder.iterdir() if not path.name.startswith("."))
        except OSError as error:
            raise DataError(f"{self.folder}: cannot be read: {error.strerror}") from error
        return [path for path in names if path.suffix.lower() in (*_LINES, *_TABLES, *_TEXTS)]

    def _read(self, file: Path, stop: threading.Event) -> Iterator[Batch]:
        """Yields the new rows of a file; one that cannot be read is rejected until it changes."""
        name = FileFollower.name(file)
        position = self.positions.get(name)
        try:
            time = file.stat().st_mtime_ns
        except OSError:
            return  # it was taken away again
        if position and position.get("broken") == time:
            return
        try:
            yield from self._new_batches(file, name, position, stop)
        except FileNotFoundError:
            return
        except (DataError, OSError) as error:
            checkpoint = Checkpoint(name, {**(self.positions.get(name) or {}), "broken": time})
            yield Batch(self.folder.name, [SourceRow(file.name, RejectedRow(1, str(error), ""))], checkpoint)

    def _new_batches(
        self, file: Path, name: str, position: Mapping[str, Any] | None, stop: threading.Event
    ) -> Iterator[Batch]:
        kind, state = file.suffix.lower(), position or {}
        if kind in _LINES:
            if state.get("offset") != file.stat().st_size:
                yield from self._lines(file, position if "offset" in state else None, stop)
        elif kind in _TABLES:
            yield from TableReader(file, position if "rows" in state else None, size=self.size).batches(stop)
        elif state.get("modified") != file.stat().st_mtime_ns:
            yield self._text(file, name)

    def _lines(self, file: Path, position: Mapping[str, Any] | None, stop: threading.Event) -> Iterator[Batch]:
        # The last line may still be being written.
        follower = FileFollower(file, position, follow=False, size=self.size, ended=self.follow)
        yield from follower.batches(stop)

    def _text(self, file: Path, name: str) -> Batch:
        time = file.stat().st_mtime_ns
        text = file.read_text(encoding="utf-8", errors="replace").strip()
        row = Record(1, {"text": text, "id": f"{file.name} {time}", "time": time / 1e9})
        return Batch(self.folder.name, [SourceRow(file.name, row)], Checkpoint(name, {"modified": time}))
