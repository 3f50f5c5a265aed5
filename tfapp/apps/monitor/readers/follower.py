"""Reads a file of json lines as it grows, and goes on where it stopped, across rotation."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, Final

from tfapp.apps.monitor.batches import Batch, Checkpoint, SourceRow
from tfapp.apps.monitor.readers.lines import LONGEST_LINE, line_row
from tfapp.errors import DataError

__all__ = ["FileFollower"]

# What tells a file from one that took its inode: the digest of its beginning.
_HEAD: Final = 512
_PACKED: Final = (".gz", ".bz2", ".xz", ".zst", ".zip")


@dataclass
class FileFollower:
    """Follows a file of json lines.

    A line counts when it is ended. When the file is renamed and begun anew (logrotate), the old one is read until the
    new one has something; if that happened while nobody followed, the old ones are read that lie beside it unpacked.
    When it is cut and begun anew (copytruncate), it is read from its beginning.

    Attributes:
        file: The file.
        position: What was stored of it; None: it is read from its beginning.
        follow: Wait for more at its end; else its last line counts without an end, too.
        size: Lines of a batch, at most.
        pause: Seconds between two looks for more.
        source: What its rows come from; None: the file's name without its ending.
        ended: Without `follow`: leave a last line without an end for the next time.
    """

    file: Path
    position: Mapping[str, Any] | None = None
    _: KW_ONLY
    follow: bool = True
    size: int = 64
    pause: float = 0.5
    source: str | None = None
    ended: bool = False

    @staticmethod
    def name(file: Path) -> str:
        """Returns the name of a file's checkpoint."""
        # A name that is no UTF-8 holds surrogates, which no database keeps.
        return f"file {file.absolute()}".encode("utf-8", "backslashreplace").decode()

    def batches(self, stop: threading.Event) -> Iterator[Batch]:
        """Yields the lines behind the position in batches, as `Reader.batches` says."""
        for path in self._rotated_files():
            with path.open("rb") as old:
                yield from self._read(old, self._begin(old), last=True)
            self.position = None
        while not stop.is_set():
            try:
                file = self.file.open("rb")
            except FileNotFoundError as error:
                if not self.follow:
                    raise DataError(f"{self.file}: no such file; check the path") from error
                stop.wait(self.pause)  # between the renaming and the new beginning, there is none
                continue
            except OSError as error:
                raise DataError(f"{self.file}: cannot be read: {error.strerror}") from error
            with file:
                yield from self._read_on(file, stop)
            if not self.follow:
                return
            self.position = None

    def _read_on(self, file: BinaryIO, stop: threading.Event) -> Iterator[Batch]:
        """Yields the new lines in batches until the file is replaced or cut, or until reading is stopped."""
        position = self._begin(file)
        while not stop.is_set():
            if not _is_same(file, position):
                return  # it was cut
            for batch in self._read(file, position, last=not (self.follow or self.ended)):
                yield batch
                assert batch.checkpoint is not None
                position = batch.checkpoint.position
            if not self.follow:
                return
            if self._is_replaced(file):
                # What was written between the last look and the renaming.
                yield from self._read(file, position, last=True)
                return
            if not _has_line(file, position["offset"]):
                stop.wait(self.pause)

    def _begin(self, file: BinaryIO) -> Mapping[str, Any]:
        """Returns the position at which reading begins: that of this file's checkpoint, or the file's beginning."""
        position = self.position
        return position if position is not None and _is_same(file, position) else self._position(file, 0)

    def _read(self, file: BinaryIO, position: Mapping[str, Any], *, last: bool) -> Iterator[Batch]:
        """Yields the lines behind a position, with `last` also an unfinished last one; ends where the file was cut."""
        while _is_same(file, position):
            rows: list[SourceRow] = []
            begin = offset = int(position["offset"])
            file.seek(offset)
            while len(rows) < self.size:
                line, length = _next_line(file)
                if not line or (not line.endswith(b"\n") and length <= LONGEST_LINE and not last):
                    break
                row = line_row(f"byte {offset}", line)
                offset += length
                rows += [row] if row else []
            if offset == begin:
                return
            position = self._position(file, offset)
            yield Batch(self.source or self.file.stem, rows, Checkpoint(self.name(self.file), position))

    def _position(self, file: BinaryIO, offset: int) -> dict[str, Any]:
        stat = os.fstat(file.fileno())
        head = min(_HEAD, offset)
        return {"device": stat.st_dev, "inode": stat.st_ino, "offset": offset, "head": [head, _head(file, head)]}

    def _is_replaced(self, file: BinaryIO) -> bool:
        open_file = os.fstat(file.fileno())
        try:
            named_file = self.file.stat()
        except FileNotFoundError:
            return False
        # Until the new one has something, its writer may still be at the old one.
        return named_file.st_size > 0 and (open_file.st_dev, open_file.st_ino) != (named_file.st_dev, named_file.st_ino)

    def _rotated_files(self) -> list[Path]:
        """Returns the file that was followed, if it was renamed, and those that came after it."""
        position = self.position
        if position is None or _is_at(self.file, position):
            return []
        siblings = [path for path in self.file.parent.glob(f"{self.file.name}?*") if path.suffix not in _PACKED]
        original = next((path for path in siblings if _is_at(path, position)), None)
        if original is None:
            return []
        time = original.stat().st_mtime_ns
        later = [path for path in siblings if path != original and path.stat().st_mtime_ns > time]
        return [original, *sorted(later, key=lambda path: path.stat().st_mtime_ns)]


def _next_line(file: BinaryIO) -> tuple[bytes, int]:
    """Returns a line and its length in bytes; of one that is too long, the beginning."""
    line = file.readline(LONGEST_LINE + 1)
    length = len(line)
    if length > LONGEST_LINE and not line.endswith(b"\n"):
        while (chunk := file.readline(LONGEST_LINE)) and not chunk.endswith(b"\n"):
            length += len(chunk)
        length += len(chunk)
    return line, length


def _has_line(file: BinaryIO, offset: int) -> bool:
    file.seek(offset)
    return b"\n" in file.read(LONGEST_LINE)


def _is_at(path: Path, position: Mapping[str, Any]) -> bool:
    try:
        with path.open("rb") as file:
            return _is_same(file, position)
    except OSError:
        return False


def _is_same(file: BinaryIO, position: Mapping[str, Any]) -> bool:
    stat = os.fstat(file.fileno())
    if (stat.st_dev, stat.st_ino) != (position["device"], position["inode"]) or stat.st_size < position["offset"]:
        return False
    length, digest = position["head"]
    return _head(file, length) == digest


def _head(file: BinaryIO, length: int) -> str:
    file.seek(0)
    return blake2b(file.read(length), digest_size=8).hexdigest()
