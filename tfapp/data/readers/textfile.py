"""Opens text files in a stated encoding, plain or packed by gzip or zstd, and finds a byte that breaks it."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO, cast

from tfapp.data.readers.bounds import check_unpacked_size
from tfapp.errors import DataError

__all__ = ["BadByte", "count_lines", "find_bad_byte", "open_bytes", "open_text", "read_text"]

_CHUNK = 1 << 20
# What such files begin with, and no text in any usual encoding.
_GZIP_MARK: Final = b"\x1f\x8b"
_ZSTD_MARK: Final = b"\x28\xb5\x2f\xfd"
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class BadByte:
    """The first byte of a file that its encoding does not allow.

    Attributes:
        line: Its line, counted from 1.
        offset: Its position in the unpacked file in bytes, counted from 0.
        value: The byte.
    """

    line: int
    offset: int
    value: int


class _UnpackedBytes(io.RawIOBase):
    """The bytes of a packed file, of which no more are read than text can be."""

    def __init__(self, path: Path, stream: Any) -> None:
        """Starts at the file's beginning."""
        self._path, self._stream, self._size = path, stream, 0

    def readable(self) -> bool:
        """Returns that it is read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Reads the next bytes."""
        size: int = self._stream.readinto(buffer)
        self._size += size
        check_unpacked_size(self._path, self._size)
        return size


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """Opens a file to read its bytes, unpacked if it begins as gzip or zstd does.

    Raises:
        DataError: It cannot be opened, or the block met where it is cut short or damaged, or unpacks to far more bytes
            than text does.
    """
    try:
        with path.open("rb") as file:
            mark = file.read(len(_ZSTD_MARK))
            file.seek(0)
            if mark.startswith(_GZIP_MARK):
                with gzip.open(file) as packed, io.BufferedReader(_UnpackedBytes(path, packed), _CHUNK) as stream:
                    yield cast("BinaryIO", stream)
            elif mark == _ZSTD_MARK:
                import pyarrow as pa

                packed = pa.CompressedInputStream(pa.PythonFile(file), "zstd")
                with packed, io.BufferedReader(_UnpackedBytes(path, packed), _CHUNK) as stream:
                    yield cast("BinaryIO", stream)
            else:
                yield file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a readable gzip file: {error}; copy or pack the file again") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


@contextmanager
def open_text(path: Path, encoding: str, *, newline: str | None = "") -> Iterator[TextIO]:
    """Opens a text file; a UTF-8 byte order mark is skipped.

    Args:
        path: The file.
        encoding: Its encoding, as Python names it.
        newline: As in `open`: "" splits lines at any line end, a line feed at line feeds only; None translates line
            ends to line feeds, the others none.

    Raises:
        DataError: The encoding is unknown, or the block met a byte that is against it (file, line, offset and value
            are named), or the file cannot be opened.
    """
    codec = _codec(encoding)
    try:
        with open_bytes(path) as stream:
            yield io.TextIOWrapper(stream, "utf-8-sig" if codec == "utf-8" else codec, newline=newline)
    except UnicodeError as error:
        raise DataError(_explain(path, encoding)) from error


def read_text(path: Path, encoding: str) -> str:
    """Reads a whole text file, its line ends as line feeds; raises as `open_text` does."""
    with open_text(path, encoding) as file:
        return file.read().replace("\r\n", "\n")


def count_lines(path: Path) -> int:
    """Counts the lines of a file, unpacked; the last one may lack its end."""
    count, last_byte = 0, b"\n"
    with open_bytes(path) as file:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            count, last_byte = count + chunk.count(b"\n"), chunk[-1:]
    return count + (last_byte != b"\n")


def find_bad_byte(path: Path, encoding: str) -> BadByte | None:
    """Finds the first byte of a file that breaks its encoding, in bounded memory; None where the whole file decodes."""
    decoder = codecs.getincrementaldecoder(_codec(encoding))()
    line, offset = 1, 0
    with open_bytes(path) as file:
        while True:
            chunk = file.read(_CHUNK)
            start = offset - len(decoder.getstate()[0])
            try:
                line += decoder.decode(chunk, final=not chunk).count("\n")
            except UnicodeDecodeError as error:
                before = error.object[: error.start]
                line += before.decode(encoding, errors="ignore").count("\n")
                return BadByte(line, start + error.start, error.object[error.start])
            except UnicodeError:  # UTF-16 and UTF-32 without the mark that begins them
                return BadByte(line, start, chunk[0])
            if not chunk:
                return None
            offset += len(chunk)


def _codec(encoding: str) -> str:
    try:
        "".encode(encoding)  # refuses what is no text encoding, such as base64
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError) as error:
        raise DataError(
            f'data.encoding must be a text encoding that Python knows, such as utf-8 or cp1252, got "{encoding}"'
        ) from error
    return "utf-8" if name == "utf-8-sig" else name


def _explain(path: Path, encoding: str) -> str:
    position = find_bad_byte(path, encoding)
    if position is None:  # such as UTF-16 without its byte order mark
        return f"{path}: the file is not {encoding}; set data.encoding to the file's encoding"
    with open_bytes(path) as file:
        encoding_hint = "utf-16" if file.read(2) in _UTF16_MARKS else "latin-1"
    return (
        f"{path}, line {position.line}: byte 0x{position.value:02x} at offset {position.offset} is not {encoding}; "
        f'set data.encoding to the file\'s encoding, for example "{encoding_hint}"'
    )
