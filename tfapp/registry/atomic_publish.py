"""Publishes a version atomically: it is written aside, then renamed into place in one step, or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfapp.core.files import pattern_problem
from tfapp.errors import RegistryError
from tfapp.registry.versions import check_name, next_version

__all__ = ["publish", "staging_folder"]

# The leading dot keeps it from being read as a model, and its name never parses as a version.
_PREFIX = ".staging-"
_TAKEN = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR}


@contextmanager
def staging_folder(folder: Path | str, name: str) -> Iterator[Path]:
    """Makes an empty hidden folder inside the models folder to write a version into.

    It is removed at the end of the block, unless `publish` has moved it. A process that is killed leaves its folder
    behind, where nobody takes it for a model; the next call sweeps it away.

    Args:
        folder: The models folder; made where it is missing.
        name: The model's name.

    Yields:
        The staging folder, on the file system of the models folder.

    Raises:
        RegistryError: The name cannot be a folder's, the model has the highest version number that there can be, or
            the models folder cannot be written, or not be loaded from.
    """
    check_name(name)
    base = Path(folder)
    if problem := pattern_problem(base):
        raise RegistryError(problem)
    # A number that cannot be given is told before the work.
    next_version(base, name)
    try:
        base.mkdir(parents=True, exist_ok=True)
        _sweep(base)
        path, lock = _locked_folder(base, name)
    except OSError as error:
        raise RegistryError(f"{base}: cannot be written: {error.strerror}; choose another models folder") from error
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def publish(staging: Path | str, folder: Path | str, name: str) -> Path:
    """Makes a finished folder the model's next version.

    Everything in it is on disk before the one rename that makes it visible. Where another publisher takes the number
    first, the next one is taken.

    Args:
        staging: The finished folder, on the file system of `folder`; see `staging_folder`.
        folder: The models folder.
        name: The model's name.

    Returns:
        The version's folder, MODELS/NAME/N.

    Raises:
        RegistryError: That folder is empty or on another file system, or the models folder cannot be written.
    """
    check_name(name)
    source, model = Path(staging), Path(folder) / name
    if not source.is_dir() or not any(source.iterdir()):
        raise RegistryError(f"{source}: nothing to publish as {name}: no such folder, or an empty one")
    try:
        _sync_tree(source)
        model.mkdir(parents=True, exist_ok=True)
        target = _rename_to_next(source, model)
        _sync(model)
        _sync(model.parent)
    except OSError as error:
        raise RegistryError(f"{model}: no version was published: {error.strerror} ({error.filename})") from error
    return target


def _rename_to_next(source: Path, model: Path) -> Path:
    number = 0
    while True:
        number = next_version(model.parent, model.name, above=number)
        target = model / str(number)
        # A rename would silently take the place of an empty folder, which may be somebody's number already.
        if not target.exists():
            try:
                source.rename(target)
            except OSError as error:
                if error.errno not in _TAKEN:
                    raise
            else:
                return target


def _locked_folder(base: Path, name: str) -> tuple[Path, int]:
    """Makes a staging folder and locks it; the kernel drops the lock when the process ends, however it ends."""
    while True:
        path = base / f"{_PREFIX}{name}-{os.getpid()}-{secrets.token_hex(4)}"
        path.mkdir()
        # A sweep may come between making and locking; then another folder is made.
        try:
            lock = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        if _try_lock(lock) and path.exists():
            return path, lock
        os.close(lock)


def _sweep(base: Path) -> None:
    """Removes the staging folders that no living process holds."""
    for folder in base.glob(f"{_PREFIX}*"):
        try:
            lock = os.open(folder, os.O_RDONLY)
        except OSError:
            continue
        try:
            if _try_lock(lock):
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        if not path.is_symlink():
            _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
