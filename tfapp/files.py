"""Files that others read appear complete, by rename, or not at all."""

from __future__ import annotations

import errno
import glob
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

__all__ = ["FULL_DISK", "replacing", "replacing_folder", "sweep_drafts", "sweep_drafts_of", "write_json", "write_text"]

# The disk, or the user's share of it, or what one file may take, has no more room.
FULL_DISK: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Yields a draft's path beside the file, and renames the draft into place when the block has written it.

    The draft is hidden and keeps the file's suffixes. If the block fails it is removed and the file stays as it was.
    """
    draft = file.with_name(f".{os.getpid()}.{file.name}")
    try:
        yield draft
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """As `replacing`, of a whole folder: yields an empty one beside it, whose parents are made where they are missing.

    An earlier folder is put aside first: for a moment there may be none, but never half of one.
    """
    draft, old = (folder.with_name(f".{os.getpid()}.{folder.name}{end}") for end in ("", ".old"))
    draft.mkdir(parents=True)
    try:
        yield draft
        if folder.exists():
            folder.rename(old)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def sweep_drafts(folder: Path) -> None:
    """Removes the drafts that killed processes left in a folder and below; no living one may be writing there."""
    for draft in list(folder.rglob(".*")):
        if re.match(r"\.\d+\.", draft.name):
            shutil.rmtree(draft, ignore_errors=True)
            draft.unlink(missing_ok=True)


def sweep_drafts_of(*files: Path) -> None:
    """Removes the drafts that killed processes left of some files; no living one may be writing these."""
    for file in files:
        for draft in file.parent.glob(f".*.{glob.escape(file.name)}"):
            if re.fullmatch(rf"\.\d+\.{re.escape(file.name)}", draft.name):
                # What cannot be removed is in nobody's way.
                with suppress(OSError):
                    draft.unlink()


def write_text(file: Path, text: str) -> None:
    """Writes UTF-8 text, by rename."""
    with replacing(file) as draft:
        draft.write_text(text, encoding="utf-8")


def write_json_lines(file: Path, rows: Iterable[Any]) -> None:
    """Writes JSON values, one a line, by rename; makes the folder where it is missing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def write_json(file: Path, value: Any) -> None:
    """Writes one JSON value, by rename."""
    write_text(file, json.dumps(value, ensure_ascii=False, indent=1) + "\n")
