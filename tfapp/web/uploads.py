"""Uploaded files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from starlette.datastructures import UploadFile

from tfapp.core.files import private_opener
from tfapp.data.stored_texts import tidy
from tfapp.errors import DataError

__all__ = ["SUFFIXES", "uploaded"]

SUFFIXES: Final = (".csv", ".tsv", ".jsonl", ".ndjson")
"""What files may end with."""
_LONGEST: Final = 100


@contextmanager
def uploaded(upload: UploadFile) -> Iterator[tuple[str, Path]]:
    """Yields an upload as a file.

    Yields:
        What it was called, for people to read; and the file, whose name is ours.

    Raises:
        DataError: It ends with none of `SUFFIXES`.
    """
    name = (tidy((upload.filename or "").replace("\\", "/").rpartition("/")[2]) or "texts")[-_LONGEST:]
    suffix = next((known for known in SUFFIXES if name.lower().endswith(known)), None)
    if suffix is None:
        raise DataError(f"{name}: must end with one of {', '.join(SUFFIXES)}; convert the file")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"texts{suffix}"
        with open(file, "wb", opener=private_opener) as out:
            shutil.copyfileobj(upload.file, out)
        yield name, file
