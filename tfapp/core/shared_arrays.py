"""Arrays that several processes compute once, in files that are named by a hash of all that they depend on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np

from tfapp.core.files import private_folder

__all__ = ["SharedArrays"]

# Of one kind, such as the vectors of a split: a search that varies what they depend on would fill the disk.
_MOST_FILES: Final = 8


@dataclass(frozen=True)
class SharedArrays:
    """A folder of arrays. Each file appears complete, by a rename, or not at all.

    Attributes:
        folder: Made when first written to.
        drafts: A folder on the same disk, where a killed process may leave a draft.
    """

    folder: Path
    drafts: Path

    def get(
        self, kind: str, depends_on: Iterable[bytes | str], compute: Callable[[], tuple[np.ndarray, ...]]
    ) -> tuple[np.ndarray, ...]:
        """Returns arrays from their file, or computes and keeps them.

        Args:
            kind: Names what they are, as a part of a file's name.
            depends_on: All that they depend on.
            compute: Makes them.
        """
        digest = blake2b(digest_size=16)
        for part in depends_on:
            data = part.encode() if isinstance(part, str) else part
            digest.update(len(data).to_bytes(8, "big"))
            digest.update(data)
        file = self.folder / f"{kind}-{digest.hexdigest()}.npz"
        arrays = _read(file)
        if arrays is None:
            arrays = compute()
            self._write(kind, file, arrays)
        return arrays

    def _write(self, kind: str, file: Path, arrays: tuple[np.ndarray, ...]) -> None:
        private_folder(self.folder)
        draft = self.drafts / f"draft-{file.name}"
        np.savez(draft, *arrays)
        draft.replace(file)
        files = sorted(self.folder.glob(f"{kind}-*.npz"), key=os.path.getmtime)
        for old in files[:-_MOST_FILES]:
            old.unlink(missing_ok=True)


def _read(file: Path) -> tuple[np.ndarray, ...] | None:
    """Returns a file's arrays; None where it is missing, or another process has just removed it."""
    try:
        with np.load(file, allow_pickle=False) as archive:
            return tuple(archive[name] for name in archive.files)
    except (OSError, ValueError, EOFError, BadZipFile):
        return None
