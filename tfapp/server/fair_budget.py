"""A budget that requests share fairly: a request that finds no room waits for its turn."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tfapp.server.deficit_round_robin import DeficitRoundRobin
from tfapp.server.request_context import RequestContext, abandoned_error

__all__ = ["FairBudget"]


class _Ticket:
    """A request that waits.

    Args:
        caller: The caller's address and connection.

    Attributes:
        caller: As given.
        is_over: Whether it waits no longer.
    """

    def __init__(self, caller: tuple[str, str]) -> None:
        self.caller = caller
        self.is_over = False


class FairBudget:
    """A budget, such as of rows, that requests may hold at the same time; a request that finds no room waits.

    Among requests of similar sizes, up to a power of two, callers take turns; the sizes share the budget evenly, by
    start-time fair queueing (Goyal, Vin and Cheng, 1996), so that many large requests keep a small one waiting for one
    of them only.

    Args:
        total: How much there is; a request of more takes all.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._free = total
        # By size; of those that nobody waits in, there is none.
        self._queues: dict[int, DeficitRoundRobin[_Ticket]] = {}
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
        ticket, size = _Ticket(context.caller), count.bit_length()
        with self._changed:
            self._join(ticket, size)
            try:
                if not self._is_next(ticket, size, count):
                    with context.on_cancel(self._wake):
                        self._changed.wait_for(
                            lambda: self._is_next(ticket, size, count) or not context.is_active,
                            timeout=context.time_remaining(),
                        )
                if not context.is_active or not self._is_next(ticket, size, count):
                    raise abandoned_error(context, ran=False)
                self._free -= count
                self._now = self._served[size]
                self._served[size] += count
            finally:
                ticket.is_over = True
                self._clean(size)
                self._changed.notify_all()

    def _join(self, ticket: _Ticket, size: int) -> None:
        if size not in self._queues:
            # Nobody saves up.
            self._served[size] = max(self._served[size], self._now)
            self._queues[size] = DeficitRoundRobin(1, lambda _ticket: 1)
        self._queues[size].add(ticket)

    def _is_next(self, ticket: _Ticket, size: int, count: int) -> bool:
        next_size = min(self._queues, key=self._served.__getitem__)
        return next_size == size and self._queues[size].first is ticket and self._free >= count

    def _clean(self, size: int) -> None:
        """Removes the tickets that nobody waits with any more, up to the first one that somebody does."""
        queue = self._queues[size]
        while queue.size and queue.first.is_over:
            queue.take()
        if not queue.size:
            del self._queues[size]

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
