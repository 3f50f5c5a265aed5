"""Finished parts of a long job beside its target, so that a job that was killed goes on where it stopped."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tfapp.core.files import private_folder, replacing, write_text
from tfapp.errors import DataError

__all__ = ["PartStore", "explain_errors", "file_identity"]

_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class PartStore:
    """The folder `TARGET.parts`: numbered parts, and a manifest of the input, model and settings that made them.

    Attributes:
        folder: The folder.
        target: The file that the parts become.
    """

    folder: Path
    target: Path

    @classmethod
    def open(cls, target: Path, manifest: Mapping[str, Any], *, resume: bool = True) -> PartStore:
        """Opens the parts of a target file; those that another input, model or settings made are removed.

        Args:
            target: The file to be made.
            manifest: All that the parts depend on, as JSON values.
            resume: Keep parts that the same manifest made.

        Raises:
            DataError: The folder holds something else, or cannot be written.
        """
        store = cls(target.with_name(f"{target.name}.parts"), target)
        contents = json.dumps(manifest, sort_keys=True)
        if resume and store._manifest() == contents:
            return store
        store._refuse_foreign()
        with explain_errors(target):
            shutil.rmtree(store.folder, ignore_errors=True)
            private_folder(store.folder, exist_ok=False)
            write_text(store.folder / _MANIFEST, contents)
        return store

    def path(self, index: int) -> Path:
        """Returns where a part is or will be; it exists only once it is finished."""
        return self.folder / f"{index:08d}"

    def write(self, index: int, write: Callable[[Path], object]) -> None:
        """Makes a part: `write` is given a draft's path to write to, and the draft is renamed into place."""
        with explain_errors(self.target), replacing(self.path(index)) as draft:
            write(draft)

    def finish(self, merge: Callable[[Path], object]) -> None:
        """Makes the target: `merge` is given a draft's path to write to, which is renamed; the parts are removed."""
        with explain_errors(self.target):
            with replacing(self.folder / "all") as draft:
                merge(draft)
            (self.folder / "all").replace(self.target)
            shutil.rmtree(self.folder)

    def _manifest(self) -> str | None:
        try:
            return (self.folder / _MANIFEST).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    def _refuse_foreign(self) -> None:
        if self._manifest() is not None or not self.folder.exists():
            return
        if not self.folder.is_dir() or any(not p.name.endswith(_MANIFEST) for p in self.folder.iterdir()):
            raise DataError(f"{self.folder} is in the way: it holds something else; move it or choose another output")


@contextmanager
def explain_errors(target: Path) -> Iterator[None]:
    """Names the target where a block cannot write what becomes it, as on a full disk or in a read-only folder.

    Raises:
        DataError: It cannot.
    """
    try:
        yield
    except OSError as error:
        raise DataError(f"{target}: cannot be written: {error.strerror or error}") from error


def file_identity(path: Path) -> dict[str, Any]:
    """Tells one state of a file from others: its path, size, time of change and the SHA-256 of its first MiB."""
    state = path.stat()
    with path.open("rb") as file:
        start = sha256(file.read(1 << 20)).hexdigest()
    return {"path": str(path.resolve()), "size": state.st_size, "mtime_ns": state.st_mtime_ns, "start_sha256": start}
