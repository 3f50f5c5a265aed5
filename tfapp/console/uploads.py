"""The folder of data files that people upload to the console."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from tfapp.core.files import private_folder, replacing
from tfapp.errors import DataError

__all__ = ["LARGEST_UPLOAD", "UploadedFile", "Uploads"]

LARGEST_UPLOAD: Final = 256 << 20
"""Bytes of an uploaded file, at most."""
_LARGEST_FOLDER: Final = 4 << 30
_LONGEST_STEM: Final = 60


@dataclass(frozen=True)
class UploadedFile:
    """A file in the folder.

    Attributes:
        path: The file.
        size: Bytes.
        changed: When it was written.
    """

    path: Path
    size: int
    changed: datetime

    @property
    def name(self) -> str:
        """Returns its name in the folder."""
        return self.path.name


class Uploads:
    """A private folder of data files.

    Files come from a browser, or from whoever may write to the folder. A name that somebody sends is looked for among
    the files that are there, and is never part of a path.

    Args:
        folder: It need not be there yet.
        suffixes: What the files may end with.
        max_bytes: Bytes of the whole folder, at most.
    """

    def __init__(self, folder: Path, suffixes: Collection[str], *, max_bytes: int = _LARGEST_FOLDER) -> None:
        self.folder = folder
        self.suffixes = tuple(suffixes)
        self._max_bytes = max_bytes
        self._lock = threading.Lock()

    def all(self) -> list[UploadedFile]:
        """Returns the data files, the newest first; links and hidden files are none."""
        paths = self.folder.iterdir() if self.folder.is_dir() else ()
        files = [path for path in paths if path.is_file() and not path.is_symlink() and self._suffix(path.name)]
        uploads = [
            UploadedFile(path, path.stat().st_size, datetime.fromtimestamp(path.stat().st_mtime, UTC))
            for path in files
            if not path.name.startswith(".")
        ]
        return sorted(uploads, key=lambda file: (file.changed, file.name), reverse=True)

    def get(self, name: str) -> UploadedFile:
        """Returns a file of the folder.

        Raises:
            DataError: There is none of this name.
        """
        for file in self.all():
            if file.name == name:
                return file
        raise DataError(f"no file {name[:80]!r}; the Train page lists the files")

    def add(self, name: str, content: BinaryIO) -> UploadedFile:
        """Stores a file under a name of the folder's own, made of the letters and digits of the sent name.

        Args:
            name: What its sender calls it.
            content: At its beginning; it is copied in parts.

        Raises:
            DataError: It ends with none of the suffixes, is too large, or the folder is full.
        """
        suffix = self._suffix(name)
        if not suffix:
            raise DataError(f"{name[-80:]}: must end with one of {', '.join(self.suffixes)}; convert the file")
        size = content.seek(0, 2)
        content.seek(0)
        if size > LARGEST_UPLOAD:
            raise DataError(f"{name[-80:]}: at most {LARGEST_UPLOAD >> 20} MB, got {size >> 20} MB; send a part of it")
        with self._lock:
            if size + sum(file.size for file in self.all()) > self._max_bytes:
                problem = (
                    f"the files would take more than {self._max_bytes >> 20} MB together; delete some of them first"
                )
                raise DataError(problem)
            private_folder(self.folder)
            target = self._free_path(name, suffix)
            with replacing(target) as draft, draft.open("wb") as out:
                shutil.copyfileobj(content, out)
        return self.get(target.name)

    def delete(self, name: str) -> None:
        """Removes a file.

        Raises:
            DataError: There is none of this name.
        """
        self.get(name).path.unlink(missing_ok=True)

    def _suffix(self, name: str) -> str:
        """Returns the longest of the suffixes that a name ends with; empty where there is none."""
        return max((suffix for suffix in self.suffixes if name.lower().endswith(suffix)), key=len, default="")

    def _free_path(self, name: str, suffix: str) -> Path:
        stem = name.replace("\\", "/").rpartition("/")[2][: -len(suffix)]
        safe_name = re.sub(r"[^A-Za-z0-9]+", "-", stem).strip("-")[:_LONGEST_STEM].strip("-") or "data"
        paths = [self.folder / f"{safe_name}{suffix}"]
        while paths[-1].exists():
            paths.append(self.folder / f"{safe_name}-{len(paths) + 1}{suffix}")
        return paths[-1]
