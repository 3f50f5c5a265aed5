"""The answers that the callers of a port have not read yet, whose bytes are bounded over all calls."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

__all__ = ["UnreadAnswers"]

_log = logging.getLogger(__name__)

# The bytes of a call in gRPC, beside its answer; a connection of REST needs no more.
_CALL_BYTES: Final = 32_768
# So long an answer stays in any case: callers who read are not cut for those who do not.
_LEAST_SECONDS: Final = 1.0


class _Answer(NamedTuple):
    caller: str
    size: int
    since: float
    cancel: Callable[[], None]


class UnreadAnswers:
    """The answers that callers have not read; while they are too many bytes, the oldest are given up.

    Nobody waits for callers who do not read: their calls are cancelled, those of callers who hold at least the mean
    first, so that a slow reader loses no answer to others with many connections.

    Args:
        most: The most bytes, those that gRPC needs for each call included.
        clock: Tells the time, in seconds.

    Attributes:
        size: The bytes of all of them.
    """

    def __init__(self, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        # In the order in which they were written.
        self._answers: dict[object, _Answer] = {}
        self._held: Counter[str] = Counter()
        self._logged = float("-inf")
        self.size = 0

    def add(self, caller: str, size: int, cancel: Callable[[], None]) -> Callable[[], None]:
        """Counts an answer, and cancels older ones where they are too many bytes together.

        Args:
            caller: Whose it is: the connection.
            size: Its bytes.
            cancel: Cancels its call.

        Returns:
            The function to call once the answer is read or its call has ended.
        """
        ticket = object()
        with self._lock:
            self._answers[ticket] = _Answer(caller, size + _CALL_BYTES, self._clock(), cancel)
            self._held[caller] += size + _CALL_BYTES
            self.size += size + _CALL_BYTES
            victims = self._pop_victims()
        for victim in victims:
            victim.cancel()
        return lambda: self._release(ticket)

    def _release(self, ticket: object) -> None:
        with self._lock:
            if ticket in self._answers:
                self._pop(ticket)

    def _pop_victims(self) -> list[_Answer]:
        old = self._clock() - _LEAST_SECONDS
        if self.size <= self._most or next(iter(self._answers.values())).since > old:
            return []
        # Some room is made at once, or all answers would be looked through again for the next one.
        mean, enough = self.size / len(self._held), self._most * 7 // 8
        victims: list[_Answer] = []
        for ticket, answer in list(self._answers.items()):
            if self.size <= enough or answer.since > old:
                break
            if self._held[answer.caller] >= mean:
                victims.append(self._pop(ticket))
        if victims and self._clock() - self._logged >= 1:
            self._logged = self._clock()
            _log.warning(
                "answers that callers do not read are more than %d bytes (--max_pending_answer_bytes): "
                "cancelled %d calls, the first of %s",
                self._most,
                len(victims),
                victims[0].caller,
            )
        return victims

    def _pop(self, ticket: object) -> _Answer:
        answer = self._answers.pop(ticket)
        self.size -= answer.size
        self._held[answer.caller] -= answer.size
        if not self._held[answer.caller]:
            del self._held[answer.caller]
        return answer
