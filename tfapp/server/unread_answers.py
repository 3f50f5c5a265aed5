"""The answers that the callers of a port have not read yet, whose bytes are bounded over all calls."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from tfapp.server.held_bytes import HeldBytes, Holding

__all__ = ["UnreadAnswers"]

# The bytes of a call in gRPC, beside its answer; a connection of REST needs no more.
_CALL_BYTES: Final = 32_768


class UnreadAnswers:
    """The answers that callers have not read; while they are too many bytes, the oldest are given up.

    Nobody waits for callers who do not read: their calls are cancelled, those of callers who hold at least the mean
    first, so that a slow reader loses no answer to others with many connections.

    Args:
        max_bytes: The most bytes, those that gRPC needs for each call included.
        clock: Tells the time, in seconds.
    """

    def __init__(self, max_bytes: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._held = HeldBytes(
            f"answers that callers do not read are more than {max_bytes} bytes (--max_pending_answer_bytes): "
            "cancelled %d calls, the first of %s",
            clock=clock,
        )

    @property
    def size(self) -> int:
        """Returns the bytes of all answers."""
        return self._held.size

    def add(self, caller: str, size: int, cancel: Callable[[], None]) -> Callable[[], None]:
        """Counts an answer, and cancels older ones where they are too many bytes together.

        Args:
            caller: Whose it is: the connection.
            size: Its bytes.
            cancel: Cancels its call.

        Returns:
            The function to call once the answer is read or its call has ended.
        """
        with self._lock:
            answer = self._held.add(caller, size + _CALL_BYTES, cancel)
            # Some room is made at once, or all answers would be looked through again for the next one.
            victims = self._held.victims(self._max_bytes * 7 // 8) if self._held.size > self._max_bytes else []
            self._held.remove(victims)
        for victim in victims:
            victim.cancel()
        return lambda: self._release(answer)

    def _release(self, answer: Holding) -> None:
        with self._lock:
            self._held.discard(answer)
