"""Limits of request bodies: the bytes of one, and of all that are in memory at the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

import grpc
from starlette.requests import Request

from tfapp.server.held_bytes import HeldBytes, Holding
from tfapp.server.request_errors import RequestError

__all__ = ["BodyShare", "PendingBytes", "TooLargeError", "TooManyBytesError", "read_body"]

# Of each body; so small ones find room beside any large ones. As much is read ahead of each connection anyway.
_FREE: Final = 65_536


class TooLargeError(RequestError):
    """Raised when a request's body is larger than the server takes."""

    def __init__(self, size: str, max_bytes: int) -> None:
        super().__init__(
            grpc.StatusCode.RESOURCE_EXHAUSTED, f"Received message larger than max ({size} vs. {max_bytes})"
        )


class TooManyBytesError(RequestError):
    """Raised when there is no room for a body beside those of others."""


class PendingBytes:
    """The bytes of all bodies in memory, beyond the first 64 KiB of each, up to a maximum.

    A body that finds no room is refused only where none can be made: bodies that are still being read, and come slowly
    for a second or more, are ended first, those of the addresses that hold most.

    Args:
        max_bytes: The maximum.
        clock: Tells the time, in seconds.
    """

    def __init__(self, max_bytes: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._held = HeldBytes(
            f"large requests are more than {max_bytes} bytes (--rest_api_max_pending_bytes): "
            "closed %d connections that send slowly, the first of %s",
            clock=clock,
        )

    @property
    def count(self) -> int:
        """Returns the bytes of all bodies."""
        return self._held.size

    def add(self, caller: str, cancel: Callable[[], object]) -> Holding:
        """Adds a body of which nothing has come."""
        with self._lock:
            return self._held.add(caller, 0, cancel)

    def grow(self, body: Holding, size: int) -> None:
        """Counts more bytes of a body.

        Raises:
            TooManyBytesError: They would be too many, or the body was ended; they are not counted.
        """
        with self._lock:
            self._check(body)
            self._held.change(body, size)
            victims = self._held.victims(self._max_bytes, body.caller)
            if body in victims or self.count - sum(victim.size for victim in victims) > self._max_bytes:
                self._held.change(body, -size)
                raise self._error()
            self._held.remove(victims)
        for victim in victims:
            victim.cancel()

    def keep(self, body: Holding) -> None:
        """Records that a body is complete, and is not to be ended any more.

        Raises:
            TooManyBytesError: It was ended already.
        """
        with self._lock:
            self._check(body)
            body.is_safe = True

    def discard(self, body: Holding) -> None:
        """Counts a body no longer."""
        with self._lock:
            self._held.discard(body)

    def _check(self, body: Holding) -> None:
        if body not in self._held:
            raise self._error()

    def _error(self) -> TooManyBytesError:
        return TooManyBytesError(
            grpc.StatusCode.UNAVAILABLE,
            f"large requests are {self.count} bytes, of at most {self._max_bytes} "
            "(--rest_api_max_pending_bytes); send this one again later",
        )


class BodyShare:
    """The share of one request's body in the pending bytes, as it came and uncompressed.

    Args:
        pending: The bytes of all bodies.
        caller: The address that sends it.
        cancel: Ends its connection; called in any thread.
    """

    def __init__(self, pending: PendingBytes, caller: str, cancel: Callable[[], object]) -> None:
        self._pending = pending
        self._body = pending.add(caller, cancel)
        self._size = 0

    def add(self, size: int) -> None:
        """Adds bytes to the share.

        Raises:
            TooManyBytesError: There is no room for them.
        """
        self._pending.grow(self._body, max(0, self._size + size - _FREE) - max(0, self._size - _FREE))
        self._size += size

    def keep(self) -> None:
        """Records that the body has been read.

        Raises:
            TooManyBytesError: It had to make room for others meanwhile.
        """
        self._pending.keep(self._body)

    def release(self) -> None:
        """Takes the whole share off the count."""
        self._pending.discard(self._body)


async def read_body(request: Request, max_bytes: int, count: Callable[[int], None]) -> bytes:
    """Reads a request's body; `count` is told of its bytes as they come, and may refuse them.

    Raises:
        TooLargeError: It has more than the most bytes.
        ClientDisconnect: The caller has gone.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and (len(length) > 19 or int(length) > max_bytes):
        raise TooLargeError(length, max_bytes)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        count(len(chunk))
        chunks.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            raise TooLargeError(f"{size} so far", max_bytes)
    return b"".join(chunks)
