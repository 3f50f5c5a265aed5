"""A lock that one process holds, and that the system frees when the process ends."""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import BaseFileLock, FileLock, Timeout

__all__ = ["process_lock"]

# What a file system answers that has no locks, or whose lock server is away.
_NO_LOCKS: Final = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK)
_log = logging.getLogger(__name__)


@contextmanager
def process_lock(
    file: Path, *, timeout: float = 0.0, make_lock: Callable[..., BaseFileLock] = FileLock
) -> Iterator[None]:
    """Holds a lock during the block; the system frees it when the process ends, however it ends.

    Where the file system has no locks, the log says so, and the block runs without one.

    Args:
        file: What stands for the lock, in a folder that is there. It stays, and names its last holder.
        timeout: Longest time to wait for it, in seconds.
        make_lock: Makes the system's lock.

    Raises:
        BlockingIOError: Somebody else holds it; the message says who, where that is known.
        OSError: The lock's file cannot be made.
    """
    # The library's soft locks, files that are the lock by being there, would outlive a process that is killed.
    lock = make_lock(file, timeout=timeout, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise BlockingIOError(_holder(file)) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        _log.warning(
            "%s: this file system has no locks (%s), so nothing keeps a second process out; see that none works here",
            file.parent,
            error.strerror,
        )
    try:
        file.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}) + "\n", encoding="utf-8")
        yield
    finally:
        lock.release()


def _holder(file: Path) -> str:
    """Returns the name of the process that holds a lock, as it wrote it there."""
    try:
        holder = json.loads(file.read_text(encoding="utf-8"))
        return f"process {int(holder['pid'])} on {holder['host']}"
    except (OSError, ValueError, TypeError, KeyError):
        return "another process"
