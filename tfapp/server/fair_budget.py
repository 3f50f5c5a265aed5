"""A budget that requests share fairly: a request that finds no room waits for its turn."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager

from tfapp.server.request_context import RequestContext, abandoned_error

__all__ = ["FairBudget"]


class FairBudget:
    """A budget, such as of rows, that requests may hold at the same time; a request that finds no room waits.

    Requests of similar sizes, up to a power of two, come in turn; the sizes share the budget evenly, by start-time fair
    queueing (Goyal, Vin and Cheng, 1996), so that many large requests keep a small one waiting for one of them only.

    Args:
        total: How much there is; a request of more takes all.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._free = total
        # By size; of those that nobody waits in, there is none.
        self._queues: dict[int, deque[object]] = {}
        # What each size has had, and what the size that was served last had then.
        self._served: Counter[int] = Counter()
        self._now = 0
        self._changed = threading.Condition()

    @contextmanager
    def take(self, amount: int, context: RequestContext) -> Iterator[None]:
        """Takes a part of the budget for the block, once there is room.

        Raises:
            RequestError: The caller's time is up, or it has gone.
        """
        count = min(amount, self._total)
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
            # Nobody saves up.
            self._served[size] = max(self._served[size], self._now)
        self._queues.setdefault(size, deque()).append(ticket)

    def _is_next(self, ticket: object, count: int) -> bool:
        size = min(self._queues, key=self._served.__getitem__)
        return self._queues[size][0] is ticket and self._free >= count

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
