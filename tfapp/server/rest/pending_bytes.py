"""How many bytes of bodies are in memory at the same time, however many callers send some."""

from __future__ import annotations

import threading
from typing import Final

import grpc

from tfapp.server.status import RequestError

__all__ = ["BodyShare", "PendingBytes", "TooManyBytesError"]

# Of each body; so small ones find room beside any large ones. As much is read ahead of each connection anyway.
_FREE: Final = 65_536


class TooManyBytesError(RequestError):
    """There is no room for a body beside those of others."""


class PendingBytes:
    """Bytes of bodies that are read or worked on, beyond the first 64 KiB of each.

    Args:
        most: How many there may be.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self.count = 0

    def change(self, size: int) -> None:
        """Counts more bytes, or fewer.

        Raises:
            TooManyBytesError: They would be too many; they are not counted.
        """
        with self._lock:
            if size > 0 and self.count + size > self._most:
                raise TooManyBytesError(
                    grpc.StatusCode.UNAVAILABLE,
                    f"large requests of {self.count} bytes are being worked on, of at most {self._most} "
                    "(--rest_api_max_pending_bytes); send this one again later",
                )
            self.count += size


class BodyShare:
    """What one request's body takes, as it came and uncompressed.

    Args:
        pending: What all take.
    """

    def __init__(self, pending: PendingBytes) -> None:
        self._pending = pending
        self._size = 0

    def add(self, size: int) -> None:
        """Counts bytes.

        Raises:
            TooManyBytesError: There is no room for them.
        """
        self._pending.change(max(0, self._size + size - _FREE) - max(0, self._size - _FREE))
        self._size += size

    def release(self) -> None:
        """Gives all back."""
        self._pending.change(-max(0, self._size - _FREE))
        self._size = 0
