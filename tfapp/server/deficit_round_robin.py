"""Deficit round-robin of callers: addresses take turns, and in the turns of an address its connections."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Generic, Protocol, TypeVar

__all__ = ["DeficitRoundRobin"]


class _Request(Protocol):
    """A request that waits.

    Attributes:
        caller: The caller's address, then its connection.
    """

    caller: tuple[str, str]


T = TypeVar("T", bound=_Request)


class _ConnectionQueue(Generic[T]):
    """The requests of one connection, first in, first out.

    Attributes:
        size: What its requests cost together.
        deficit: What it may still take in its turn.
    """

    def __init__(self, quantum: int, cost: Callable[[T], int]) -> None:
        self.size = 0
        self.deficit = quantum
        self._cost = cost
        self._requests: deque[T] = deque()

    def __iter__(self) -> Iterator[T]:
        return iter(self._requests)

    @property
    def first(self) -> T:
        return self._requests[0]

    def add(self, request: T) -> None:
        self._requests.append(request)
        self.size += self._cost(request)

    def take(self) -> T:
        request = self._requests.popleft()
        self.size -= self._cost(request)
        return request

    def drop_newest(self) -> T:
        request = self._requests.pop()
        self.size -= self._cost(request)
        return request

    def drop_for(self, _caller: tuple[str, str], _need: int) -> None:
        """Drops nothing: among the requests of one connection, who comes last is refused."""


class DeficitRoundRobin(Generic[T]):
    """The requests that wait, by caller: a caller with one waits for no more than a turn of each other caller.

    Callers take turns by deficit round-robin (Shreedhar and Varghese, 1995): in each round, a caller may take requests
    of up to a quantum, and what is left of it in the next. Addresses do so, and within each address its connections.

    Args:
        quantum: What a caller may take in a turn, at least as much as any request costs.
        cost: Returns what a request costs.
        level: The part of `caller` by which requests are divided: 0 for addresses, 1 for connections.

    Attributes:
        size: What all requests cost together.
        deficit: What this caller may still take in its turn, where there are others.
    """

    def __init__(self, quantum: int, cost: Callable[[T], int], level: int = 0) -> None:
        self.size = 0
        self.deficit = quantum
        self._quantum = quantum
        self._cost = cost
        self._level = level
        # Whose turn it is comes first.
        self._queues: OrderedDict[str, _ConnectionQueue[T] | DeficitRoundRobin[T]] = OrderedDict()
        # Known once it was asked for, until a request leaves.
        self._first: T | None = None

    def __iter__(self) -> Iterator[T]:
        return chain.from_iterable(self._queues.values())

    @property
    def first(self) -> T:
        """Returns the next request to be taken; there must be one."""
        while self._first is None:
            caller, queue = next(iter(self._queues.items()))
            request = queue.first
            if self._cost(request) <= queue.deficit:
                self._first = request
            else:
                queue.deficit += self._quantum
                self._queues.move_to_end(caller)
        return self._first

    def add(self, request: T) -> None:
        """Adds a request, the last one of its connection."""
        caller = request.caller[self._level]
        if caller not in self._queues:
            self._queues[caller] = self._new_queue()
        self._queues[caller].add(request)
        self.size += self._cost(request)

    def take(self) -> T:
        """Takes the first request; there must be one."""
        cost = self._cost(self.first)
        caller, queue = next(iter(self._queues.items()))
        queue.deficit -= cost
        return self._count_out(caller, queue.take())

    def drop_newest(self) -> T:
        """Drops the newest request of whoever holds most; there must be one."""
        caller = self._largest()
        return self._count_out(caller, self._queues[caller].drop_newest())

    def drop_for(self, caller: tuple[str, str], need: int) -> T | None:
        """Drops the newest request of an address, else a connection, that holds more than a caller would.

        Args:
            caller: Who wants room: its address and connection.
            need: How much more another must hold.

        Returns:
            The request; None: nobody holds so much.
        """
        if not self._queues:
            return None
        largest, own = self._largest(), caller[self._level]
        own_queue = self._queues.get(own)
        if (own_queue.size if own_queue else 0) + need <= self._queues[largest].size:
            return self._count_out(largest, self._queues[largest].drop_newest())
        request = own_queue.drop_for(caller, need) if own_queue else None
        return None if request is None else self._count_out(own, request)

    def _new_queue(self) -> _ConnectionQueue[T] | DeficitRoundRobin[T]:
        if self._level == 0:
            return DeficitRoundRobin(self._quantum, self._cost, level=1)
        return _ConnectionQueue(self._quantum, self._cost)

    def _largest(self) -> str:
        return max(self._queues, key=lambda caller: self._queues[caller].size)

    def _count_out(self, caller: str, request: T) -> T:
        """Counts a request that has left a caller's queue."""
        self._first = None
        self.size -= self._cost(request)
        if not self._queues[caller].size:
            del self._queues[caller]
        return request
