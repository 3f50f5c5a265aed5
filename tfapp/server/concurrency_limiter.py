"""Limits how many requests are worked on at the same time, whichever port they came by."""

from __future__ import annotations

import threading

import grpc

from tfapp.server.request_errors import RequestError

__all__ = ["ConcurrencyLimiter"]


class ConcurrencyLimiter:
    """A count of requests that are worked on, up to a maximum; as a context manager, it counts one during the block."""

    def __init__(self, most: int) -> None:
        self._free = threading.Semaphore(most)

    def acquire(self) -> None:
        """Counts a request that begins.

        Raises:
            RequestError: There are too many, in TensorFlow Serving's words.
        """
        if not self._free.acquire(blocking=False):
            raise RequestError(grpc.StatusCode.RESOURCE_EXHAUSTED, "Server Threadpool Exhausted")

    def release(self) -> None:
        """Counts a request that has ended."""
        self._free.release()

    def __enter__(self) -> None:
        """Counts the request that the block works on."""
        self.acquire()

    def __exit__(self, *_error: object) -> None:
        """Counts it as ended."""
        self.release()
