"""Fair queueing of the requests that wait for one signature: which rows the next batch takes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

import grpc

from tfapp.server.batching.batch_request import BatchRequest, BatchSlice
from tfapp.server.deficit_round_robin import DeficitRoundRobin
from tfapp.server.request_errors import RequestError

__all__ = ["FairQueue", "count_rows"]

# While other requests come, a large one takes one row for so many of theirs ...
_ROWS_OF_OTHERS: Final = 3
# ... and this part of a batch where none of them waits, so that who comes next waits for a short run only.
_LARGE_SHARE: Final = 8


class FairQueue:
    """A queue of requests that fit into a batch, and of larger ones; on either side, callers take turns.

    A request that fits is never divided, and waits for no larger one: its batch is the next that its caller has a turn
    in. To such batches large ones add what is owed to them, by deficit round-robin (Shreedhar and Varghese, 1995), so
    that neither side starves the other; where nothing else waits they have a batch of their own, a short one while
    others come.

    Args:
        limit: The most rows of a batch.

    Attributes:
        limit: As given.
        large_rows: The rows of larger requests that no batch has taken yet.
        turn: The time since which it waits for a batch: since it took the last one, or since it is no longer empty.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.large_rows = 0
        self.turn = 0.0
        self._whole: DeficitRoundRobin[BatchRequest] = DeficitRoundRobin(limit, lambda request: request.rows)
        # Of these, each turn takes one slice.
        self._large: DeficitRoundRobin[BatchRequest] = DeficitRoundRobin(1, lambda _request: 1)
        # The requests that fit, in the order in which they came.
        self._arrivals: OrderedDict[BatchRequest, None] = OrderedDict()
        # Rows of others, less those of large ones times `_ROWS_OF_OTHERS`, since there were both.
        self._credit = 0

    def __len__(self) -> int:
        return len(self._arrivals) + self._large.size

    def __iter__(self) -> Iterator[BatchRequest]:
        return chain(self._arrivals, self._large)

    @property
    def whole_rows(self) -> int:
        """Returns the rows of requests that fit."""
        return self._whole.size

    @property
    def since(self) -> float:
        """Returns the time at which the first of the requests that fit came; there must be one."""
        return next(iter(self._arrivals)).since

    def make_room(self, request: BatchRequest, max_batches: int) -> None:
        """Makes room for a request; a large one counts as a batch, and takes no room from the others.

        Where there is none, the newest requests fail of a caller who holds more than this one would.

        Args:
            request: The request.
            max_batches: How many batches may wait.

        Raises:
            RequestError: As many wait, of callers who hold no more, in TensorFlow Serving's words
                (shared_batch_scheduler.h).
        """
        fits = request.rows <= self.limit
        queue, cost, room = (
            (self._whole, request.rows, max_batches * self.limit) if fits else (self._large, 1, max_batches)
        )
        while (excess := queue.size + cost - room) > 0:
            batches = -(-queue.size // self.limit) if fits else queue.size
            error = RequestError(
                grpc.StatusCode.UNAVAILABLE,
                "The batch scheduling queue to which this task was submitted is full; "
                f"currently {batches} batches enqueued and max_enqueued_batches is {max_batches}",
            )
            newest = queue.drop_for(request.caller, cost + excess)
            if newest is None:
                raise error
            if fits:
                del self._arrivals[newest]
            else:
                self.large_rows -= newest.rows_left
            newest.fail(error)

    def add(self, request: BatchRequest) -> None:
        """Adds a request, the last one of its caller."""
        if not self:
            self.turn = request.since
        if request.rows <= self.limit:
            self._whole.add(request)
            self._arrivals[request] = None
        else:
            self._large.add(request)
            self.large_rows += request.rows

    def take(self, now: float) -> list[BatchSlice]:
        """Takes the next batch of requests that fit, with the rows that are due to large ones.

        Requests whose caller has gone are dropped.

        Args:
            now: The time, in seconds of the scheduler's clock.
        """
        self.turn = now
        while self._large.size and not self._large.first.is_wanted:
            self.large_rows -= self._large.take().rows_left
        debt = max(0, self._credit // _ROWS_OF_OTHERS)
        slices = self._take_whole(self.limit - (min(debt, self._large.first.rows_left) if self._large.size else 0))
        if not slices and debt < self.limit:
            slices = self._take_whole(self.limit)
        whole_rows = count_rows(slices)
        self._credit = min(self._credit + whole_rows, _ROWS_OF_OTHERS * self.limit)
        row_budget = min(self.limit - whole_rows, max(0, self._credit // _ROWS_OF_OTHERS))
        batch = slices + self._take_large(row_budget)
        # Where all callers of requests that fit have gone, a large one that waits must not wait on.
        return batch or self.take_large_batch(now, calm=False)

    def take_large_batch(self, now: float, *, calm: bool) -> list[BatchSlice]:
        """Takes a batch of large requests alone.

        Args:
            now: The time, in seconds of the scheduler's clock.
            calm: Whether nobody else calls, so that it may be a whole batch.
        """
        self.turn = now
        return self._take_large(self.limit if calm else max(1, self.limit // _LARGE_SHARE))

    def _take_whole(self, room: int) -> list[BatchSlice]:
        slices: list[BatchSlice] = []
        while self._whole.size:
            request = self._whole.first
            is_wanted = request.is_wanted
            if is_wanted and request.rows > room:
                break
            self._whole.take()
            del self._arrivals[request]
            if is_wanted:
                slices.append(request.take(request.rows))
                room -= request.rows
        return slices

    def _take_large(self, room: int) -> list[BatchSlice]:
        slices: list[BatchSlice] = []
        while self._large.size and room:
            request = self._large.take()
            if not request.is_wanted:
                self.large_rows -= request.rows_left
                continue
            batch_slice = request.take(min(request.rows_left, room))
            slices.append(batch_slice)
            room -= len(batch_slice)
            self.large_rows -= len(batch_slice)
            if request.rows_left:
                self._large.add(request)
        max_debt = _ROWS_OF_OTHERS * self.limit
        self._credit = max(-max_debt, self._credit - _ROWS_OF_OTHERS * count_rows(slices)) if self._large.size else 0
        return slices


def count_rows(slices: Iterable[BatchSlice]) -> int:
    """Counts the rows of a batch."""
    return sum(len(batch_slice) for batch_slice in slices)
