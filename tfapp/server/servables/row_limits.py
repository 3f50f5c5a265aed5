"""Limits of rows: those of one request, and those that run at the same time outside of batches."""

from __future__ import annotations

import math
import threading
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from tfapp.server.request_context import RequestContext, abandoned_error
from tfapp.server.request_errors import invalid_argument

__all__ = ["RowBudget", "RowLimits", "count_rows"]

# Requests of up to this part of the largest have a budget of their own, so that no large one keeps them waiting.
_SMALL: Final = 16


class RowBudget:
    """A budget of rows that may be computed at the same time; what finds no room waits.

    Requests of similar sizes, up to a power of two, come in turn; the sizes share the rows evenly, by start-time fair
    queueing (Goyal, Vin and Cheng, 1996), so that many large requests keep a small one waiting for one of them only.

    Args:
        rows: How many; a request of more takes all.
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._free = rows
        # By size; of those that nobody waits in, there is none.
        self._queues: dict[int, deque[object]] = {}
        # The rows that each size has had, and those of the size that was served last when it was.
        self._served: Counter[int] = Counter()
        self._now = 0
        self._changed = threading.Condition()

    @contextmanager
    def take(self, rows: int, context: RequestContext) -> Iterator[None]:
        """Takes rows for the block, once there is room.

        Raises:
            RequestError: The caller's time is up, or it has gone.
        """
        count = min(rows, self._rows)
        self._enter(count, context)
        try:
            yield
        finally:
            with self._changed:
                self._free += count
                self._changed.notify_all()

    def _enter(self, count: int, context: RequestContext) -> None:
        ticket, size = object(), count.bit_length()
        with self._changed:
            self._join(ticket, size)
            try:
                if not self._is_next(ticket, count):
                    with context.on_cancel(self._wake):
                        self._changed.wait_for(
                            lambda: self._is_next(ticket, count) or not context.is_active,
                            timeout=context.time_remaining(),
                        )
                if not context.is_active:
                    raise abandoned_error(context, ran=False)
                self._free -= count
                self._now = self._served[size]
                self._served[size] += count
            finally:
                self._queues[size].remove(ticket)
                if not self._queues[size]:
                    del self._queues[size]
                self._changed.notify_all()

    def _join(self, ticket: object, size: int) -> None:
        if size not in self._queues:
            # Nobody saves rows up.
            self._served[size] = max(self._served[size], self._now)
        self._queues.setdefault(size, deque()).append(ticket)

    def _is_next(self, ticket: object, count: int) -> bool:
        size = min(self._queues, key=self._served.__getitem__)
        return self._queues[size][0] is ticket and self._free >= count

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


class RowLimits:
    """The limits of rows that a server sets to requests.

    Args:
        max_rows: The most rows, those included that are made of a tensor's last value.
    """

    def __init__(self, max_rows: int) -> None:
        self._max_rows = max_rows
        self._small = RowBudget(max_rows)
        self._large = RowBudget(max_rows)

    def check(self, alias: str, shape: Sequence[int], rows: int) -> None:
        """Checks an input of some shape, which counts as so many rows, before there is memory for it.

        Raises:
            RequestError: It has too many.
        """
        if rows > self._max_rows:
            raise invalid_argument(
                f"input {alias} of shape [{','.join(map(str, shape))}] counts as {rows} rows; this server takes at "
                f"most {self._max_rows} a request (--max_request_rows)"
            )

    def turn(self, rows: int, context: RequestContext) -> AbstractContextManager[None]:
        """Waits until a request that runs by itself, or a large one, may; at most twice the largest have their turn.

        Raises:
            RequestError: The caller's time is up, or it has gone.
        """
        budget = self._small if rows * _SMALL <= self._max_rows else self._large
        return budget.take(rows, context)


def count_rows(shape: Sequence[int], expected: Sequence[int | None] | None, *, strings: bool) -> int:
    """Returns the rows that an input stands for: its first dimension, or its elements where that counts no rows.

    `expected` is the signature's shape, None for any rank; each of several strings may be a text of its own.
    """
    other = strings if expected is None else len(expected) != len(shape)
    return math.prod(shape) if other else next(iter(shape), 1)
