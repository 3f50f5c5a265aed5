"""Reads files out of a zip or tar archive without trusting it: only files that are asked for by name are written."""

from __future__ import annotations

import hashlib
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from tfapp.errors import AssetError

__all__ = ["MAX_UNPACKED", "Members", "open_members"]

# Bytes that all files of one archive may come to; several times what any asset of the catalogue needs.
MAX_UNPACKED = 1 << 30

_BLOCK = 1 << 20
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError)


@dataclass(frozen=True)
class Members:
    """The regular files of an open archive; links and devices are not among them.

    Attributes:
        archive: The archive's name, for messages.
        sizes: Bytes by the file's path in the archive, sorted.
    """

    archive: str
    sizes: Mapping[str, int]
    _open: Callable[[str], IO[bytes]]

    def names_under(self, folder: str) -> list[str]:
        """Returns the paths of the files in a folder and below it, sorted.

        Raises:
            AssetError: There are none.
        """
        prefix = f"{folder.rstrip('/')}/"
        names = [name for name in self.sizes if name.startswith(prefix)]
        if not names:
            raise AssetError(f"{self.archive} holds no files under {prefix}")
        return names

    def open(self, name: str) -> IO[bytes]:
        """Opens one file.

        Raises:
            AssetError: There is no regular file of that path.
        """
        if name not in self.sizes:
            raise AssetError(f"{self.archive} does not hold the file {name}")
        return self._open(name)

    def read(self, name: str) -> bytes:
        """Returns the content of one file."""
        with self.open(name) as source:
            return source.read()

    def copy(self, name: str, target: Path) -> str:
        """Writes one file to disk, makes its folder, and returns the content's SHA-256, in hexadecimal."""
        target.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with self.open(name) as source, target.open("wb") as writer:
            while block := source.read(_BLOCK):
                digest.update(block)
                writer.write(block)
        return digest.hexdigest()


@contextmanager
def open_members(source: Path | IO[bytes], name: str | None = None, *, limit: int = MAX_UNPACKED) -> Iterator[Members]:
    """Opens a zip (a wheel) or a compressed tar file.

    Args:
        source: A path, or an open file (an archive inside an archive).
        name: What to call it, with its suffix; by default the path's name.
        limit: Bytes that its files may come to.

    Yields:
        Its files.

    Raises:
        AssetError: It is broken, its files are over the limit, or a path in it is absolute or leads outside.
    """
    name = name or (source.name if isinstance(source, Path) else "archive.tar.gz")
    open_archive = _zip_members if name.endswith((".whl", ".zip")) else _tar_members
    try:
        with open_archive(source, name, limit) as members:
            yield members
    except _BROKEN as error:
        raise AssetError(f"{name} is a broken archive: {error}") from error


@contextmanager
def _zip_members(source: Path | IO[bytes], name: str, limit: int) -> Iterator[Members]:
    with zipfile.ZipFile(source) as file:
        infos = [info for info in file.infolist() if not info.is_dir()]
        # The upper half holds the Unix mode; archives made elsewhere have no file type there.
        regular = (stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG) for info in infos)
        entries = ((info.filename, info.file_size, is_regular) for info, is_regular in zip(infos, regular, strict=True))
        sizes = _check_sizes(entries, name, limit)
        yield Members(name, sizes, file.open)


@contextmanager
def _tar_members(source: Path | IO[bytes], name: str, limit: int) -> Iterator[Members]:
    path, stream = (source, None) if isinstance(source, Path) else (None, source)
    with tarfile.open(path, mode="r:*", fileobj=stream) as file:
        infos = (info for info in file if not info.isdir())
        sizes = _check_sizes(((info.name, info.size, info.isreg()) for info in infos), name, limit)

        def open_member(member: str) -> IO[bytes]:
            reader = file.extractfile(member)
            if reader is None:
                raise tarfile.ReadError(f"{member} is no file")
            return reader

        yield Members(name, sizes, open_member)


def _check_sizes(entries: Iterable[tuple[str, int, bool]], archive: str, limit: int) -> dict[str, int]:
    """Returns the sizes of the regular files by path, sorted; they are checked before a bomb is read to its end."""
    sizes: dict[str, int] = {}
    total = 0
    for name, size, regular in entries:
        if _leads_outside(name):
            raise AssetError(f"{archive} is not safe to unpack: it holds the path {name!r}; nothing was kept")
        total += size
        if total > limit:
            raise AssetError(f"{archive} is not safe to unpack: its files are over {limit:,} bytes; nothing was kept")
        if regular:
            sizes[name] = size
    return dict(sorted(sizes.items()))


def _leads_outside(name: str) -> bool:
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    return bool(posix.is_absolute() or windows.drive or windows.root or ".." in (*posix.parts, *windows.parts))
