"""A deadline for work that blocks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Final

__all__ = ["SendDeadline"]


class SendDeadline:
    """A deadline for a blocking client, as time-outs of sockets are for each read, and name look-ups have none.

    Args:
        seconds: From the beginning of `run` to its end.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds: Final = seconds
        self._lock = threading.Lock()
        self._over = False
        self._connection: socket.socket | None = None

    def run(self, work: Callable[[], None]) -> None:
        """Runs the work in a thread; at the deadline its connection is shut down, and nobody waits for it any more.

        Raises:
            TimeoutError: It was not done in time.
        """
        outcome: Future[None] = Future()

        def settle() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - it is raised again where somebody hears it
                outcome.set_exception(error)
            else:
                outcome.set_result(None)

        # It keeps no process alive, wherever it hangs.
        threading.Thread(target=settle, daemon=True).start()
        try:
            outcome.result(self._seconds)
        finally:
            self._end()

    def watch(self, connection: socket.socket) -> None:
        """Registers a connection to be shut down at the end of the work or at the deadline.

        Raises:
            TimeoutError: It has come too late, and is closed.
        """
        with self._lock:
            if self._over:
                connection.close()
                raise TimeoutError("too late")
            # A copy, as encryption takes the socket itself over.
            self._connection = connection.dup()

    def _end(self) -> None:
        with self._lock:
            self._over, connection = True, self._connection
        if connection is not None:
            with connection, suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
