"""Limits of request bodies: the bytes of one, and of all that are in memory at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import grpc
from starlette.requests import Request

from tfapp.server.request_errors import RequestError

__all__ = ["BodyShare", "PendingBytes", "TooLargeError", "TooManyBytesError", "read_body"]

# Of each body; so small ones find room beside any large ones. As much is read ahead of each connection anyway.
_FREE: Final = 65_536


class TooLargeError(RequestError):
    """An error: a request's body is larger than the server takes."""

    def __init__(self, size: str, most: int) -> None:
        super().__init__(grpc.StatusCode.RESOURCE_EXHAUSTED, f"Received message larger than max ({size} vs. {most})")


class TooManyBytesError(RequestError):
    """An error: there is no room for a body beside those of others."""


class PendingBytes:
    """The count of the bytes of all bodies in memory, beyond the first 64 KiB of each, up to a maximum."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self.count = 0

    def change(self, size: int) -> None:
        """Adds bytes to the count, or takes them off.

        Raises:
            TooManyBytesError: They would be too many; they are not counted.
        """
        with self._lock:
            if size > 0 and self.count + size > self._most:
                raise TooManyBytesError(
                    grpc.StatusCode.UNAVAILABLE,
                    f"large requests are {self.count} bytes, of at most {self._most} "
                    "(--rest_api_max_pending_bytes); send this one again later",
                )
            self.count += size


class BodyShare:
    """The share of one request's body in the pending bytes, as it came and uncompressed."""

    def __init__(self, pending: PendingBytes) -> None:
        self._pending = pending
        self._size = 0

    def add(self, size: int) -> None:
        """Adds bytes to the share.

        Raises:
            TooManyBytesError: There is no room for them.
        """
        self._pending.change(max(0, self._size + size - _FREE) - max(0, self._size - _FREE))
        self._size += size

    def release(self) -> None:
        """Takes the whole share off the count."""
        self._pending.change(-max(0, self._size - _FREE))
        self._size = 0


async def read_body(request: Request, most: int, count: Callable[[int], None]) -> bytes:
    """Reads a request's body; `count` is told of its bytes as they come, and may refuse them.

    Raises:
        TooLargeError: It has more than the most bytes.
        ClientDisconnect: The caller has gone.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and (len(length) > 19 or int(length) > most):
        raise TooLargeError(length, most)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        count(len(chunk))
        chunks.append(chunk)
        size += len(chunk)
        if size > most:
            raise TooLargeError(f"{size} so far", most)
    return b"".join(chunks)
