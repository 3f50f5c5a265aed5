"""Writes files that appear complete, by rename, or not at all, and are private by default.

What is written is private unless its writer says `shared`: many files hold texts of users, passwords or tokens, and few
are made for others, as models are.
"""

from __future__ import annotations

import errno
import fnmatch
import glob
import json
import os
import re
import shutil
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

__all__ = [
    "FULL_DISK",
    "narrow",
    "private_folder",
    "private_opener",
    "read_regular_file",
    "replacing",
    "replacing_folder",
    "safe_name",
    "sweep_drafts",
    "sweep_drafts_of",
    "write_json",
    "write_text",
]

# The disk, or the user's share of it, or what one file may take, has no more room.
FULL_DISK: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# The bits of a mode that are the group's and everybody's.
_OTHERS: Final = 0o077


def private_opener(path: str, flags: int) -> int:
    """Opens a file that only its owner may read, from its first byte and with any umask; for `open(..., opener=)`.

    A wide file that is there, and this user's, is narrowed.
    """
    descriptor = os.open(path, flags, 0o600)
    mode = _wide_mode(os.fstat(descriptor))
    if mode is not None:
        with suppress(OSError):
            os.fchmod(descriptor, mode & ~_OTHERS)
    return descriptor


def private_folder(folder: Path, *, passable: bool = False, exist_ok: bool = True) -> None:
    """Makes a folder that only its owner may read, where it is missing; its missing parents are as the umask says.

    Args:
        folder: One that is there stays as it is.
        passable: Others may pass through, to what they know by its name and may read: a folder of models.
        exist_ok: Leave a folder that is there.

    Raises:
        OSError: It cannot be made.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(0o711 if passable else 0o700, exist_ok=exist_ok)


def narrow(path: Path) -> None:
    """Removes other users' permissions on a file or folder of this user; older versions left some wide.

    What is missing, or is neither a file nor a folder, is left alone.
    """
    with suppress(OSError):
        mode = _wide_mode(path.stat())
        if mode is not None:
            path.chmod(mode & ~_OTHERS)


def _wide_mode(status: os.stat_result) -> int | None:
    """Returns the mode of this user's file or folder with which others may do something; None of any other."""
    is_plain = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
    is_wide = is_plain and status.st_mode & _OTHERS and status.st_uid == os.geteuid()
    return stat.S_IMODE(status.st_mode) if is_wide else None


@contextmanager
def replacing(file: Path, *, shared: bool = False) -> Iterator[Path]:
    """Yields a draft's path beside the file, and renames the draft into place when the block has written it.

    The draft is hidden and keeps the file's suffixes. If the block fails it is removed and the file stays as it was.

    Args:
        file: What appears.
        shared: Others may read it, as the umask says; else it is private, and the draft is there, empty.
    """
    draft = _draft(file)
    try:
        if not shared:
            draft.unlink(missing_ok=True)
            os.close(private_opener(str(draft), os.O_WRONLY | os.O_CREAT | os.O_EXCL))
            os.utime(draft, ns=(0, 0))
        yield draft
        if not draft.stat().st_mtime_ns:  # nobody has written it
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(draft))
        with draft.open("rb") as handle:
            os.fsync(handle.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yields an empty folder beside another, and puts it in that one's place when the block has filled it.

    Missing parents are made. An earlier folder is put aside first: there may be none for a moment, but never half.
    """
    draft = _draft(folder)
    old = draft.with_name(f"{draft.name}.old")
    draft.mkdir(parents=True)
    try:
        yield draft
        if folder.exists():
            folder.rename(old)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _draft(path: Path) -> Path:
    """Returns the path of a draft: this thread's alone, as others may write the same file at the same time."""
    return path.with_name(f".{threading.get_native_id()}.{path.name}")


def read_regular_file(file: Path, most_bytes: int) -> bytes:
    """Reads a file that somebody else made, which may be a link to a device or a pipe that never ends.

    Args:
        file: The file, or a link to it.
        most_bytes: A larger one is refused.

    Raises:
        OSError: It cannot be opened.
        ValueError: It is no regular file, or too large; nothing of it is read.
    """
    # Without O_NONBLOCK, opening a pipe waits for its writer.
    with open(file, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{file} is a pipe or a device; expected a regular file")
        if status.st_size > most_bytes:
            raise ValueError(f"{file} has {status.st_size} bytes; expected at most {most_bytes}")
        return stream.read()


def pattern_problem(folder: Path) -> str:
    """Returns why TensorFlow would not find the variables of a SavedModel in a folder; empty: it would.

    It takes their path for a pattern, which a path with brackets or a backslash does not match itself.
    """
    path = str(folder)
    if "\\" not in path and fnmatch.fnmatchcase(path, path):
        return ""
    return f"{path}: TensorFlow takes [ ] and \\ in a path for a pattern; rename or move the folder"


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


def write_text(file: Path, text: str, *, shared: bool = False) -> None:
    """Writes UTF-8 text, by rename; `shared` as in `replacing`."""
    with replacing(file, shared=shared) as draft:
        draft.write_text(text, encoding="utf-8")


def write_json_lines(file: Path, rows: Iterable[Any]) -> None:
    """Writes JSON values, one a line, by rename; makes the folder where it is missing."""
    private_folder(file.parent)
    write_text(file, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def write_json(file: Path, value: Any, *, shared: bool = False) -> None:
    """Writes one JSON value, by rename; `shared` as in `replacing`."""
    write_text(file, json.dumps(value, ensure_ascii=False, indent=1) + "\n", shared=shared)


def safe_name(text: str) -> str:
    """Returns a text as a name of files: letters, digits, dots, _ and -, of which the last three are at no end."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")
