"""A lock that one process holds, and that the system frees when the process ends."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

__all__ = ["process_lock"]


@contextmanager
def process_lock(file: Path) -> Iterator[None]:
    """Holds a lock during the block; the system frees it when the process ends, however it ends.

    Args:
        file: What stands for the lock, in a folder that is there. It stays, and names its last holder.

    Raises:
        BlockingIOError: Somebody else holds it; the message says who, where that is known.
        OSError: The lock's file cannot be made.
    """
    lock = FileLock(file, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise BlockingIOError(_holder(file)) from error
    try:
        file.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}) + "\n", encoding="utf-8")
        yield
    finally:
        lock.release()


def _holder(file: Path) -> str:
    """Names the process that holds a lock, by what it wrote there."""
    try:
        holder = json.loads(file.read_text(encoding="utf-8"))
        return f"process {int(holder['pid'])} on {holder['host']}"
    except (OSError, ValueError, TypeError, KeyError):
        return "another process"
