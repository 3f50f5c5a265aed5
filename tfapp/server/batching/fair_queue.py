"""Fair queueing of the requests that wait for one signature: which rows the next batch takes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

import grpc

from tfapp.server.batching.batch_request import BatchRequest, BatchSlice
from tfapp.server.request_errors import RequestError

__all__ = ["FairQueue", "count_rows"]

# While other requests come, a large one takes one row for so many of theirs ...
_ROWS_OF_OTHERS: Final = 3
# ... and this part of a batch where none of them waits, so that who comes next waits for a short run only.
_LARGE_SHARE: Final = 8


class FairQueue:
    """A queue of requests that fit into a batch, in the order in which they came, and of larger ones, which take turns.

    A request that fits is never divided, and waits for no larger one: its batch is the next. To such batches large ones
    add what is owed to them, by deficit round-robin (Shreedhar and Varghese, 1995), so that neither side starves the
    other; where nothing else waits they have a batch of their own, a short one while others come.

    Args:
        limit: The most rows of a batch.

    Attributes:
        limit: As given.
        whole_rows: The rows of requests that fit.
        large_rows: The rows of larger ones that no batch has taken yet.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.whole_rows = 0
        self.large_rows = 0
        self._whole: deque[BatchRequest] = deque()
        self._large: deque[BatchRequest] = deque()
        # Rows of others, less those of large ones times `_ROWS_OF_OTHERS`, since there were both.
        self._credit = 0

    def __len__(self) -> int:
        return len(self._whole) + len(self._large)

    def __iter__(self) -> Iterator[BatchRequest]:
        return chain(self._whole, self._large)

    @property
    def since(self) -> float:
        """Returns the time at which the first of the requests that fit came; there must be one."""
        return self._whole[0].since

    @property
    def turn(self) -> float:
        """Returns the time since which the first request waits for a batch: a large one, since its last slice."""
        return min(queue[0].turn for queue in (self._whole, self._large) if queue)

    def check_room(self, request: BatchRequest, max_batches: int) -> None:
        """Checks that there is room for a request; a large one counts as a batch, and takes no room from the others.

        Args:
            request: The request.
            max_batches: How many batches may wait.

        Raises:
            RequestError: As many wait, in TensorFlow Serving's words (shared_batch_scheduler.h).
        """
        fits = request.rows <= self.limit
        if self.whole_rows + request.rows <= max_batches * self.limit if fits else len(self._large) < max_batches:
            return
        batches = -(-self.whole_rows // self.limit) if fits else len(self._large)
        raise RequestError(
            grpc.StatusCode.UNAVAILABLE,
            "The batch scheduling queue to which this task was submitted is full; "
            f"currently {batches} batches enqueued and max_enqueued_batches is {max_batches}",
        )

    def add(self, request: BatchRequest) -> None:
        """Adds a request at the end."""
        if request.rows <= self.limit:
            self._whole.append(request)
            self.whole_rows += request.rows
        else:
            self._large.append(request)
            self.large_rows += request.rows

    def take(self, now: float) -> list[BatchSlice]:
        """Takes the next batch of requests that fit, with the rows that are due to large ones.

        Requests whose caller has gone are dropped.

        Args:
            now: The time, in seconds of the scheduler's clock.
        """
        while self._large and not self._large[0].is_wanted:
            self.large_rows -= self._large.popleft().rows_left
        debt = max(0, self._credit // _ROWS_OF_OTHERS)
        slices = self._take_whole(self.limit - (min(debt, self._large[0].rows_left) if self._large else 0))
        if not slices and debt < self.limit:
            slices = self._take_whole(self.limit)
        whole_rows = count_rows(slices)
        self._credit = min(self._credit + whole_rows, _ROWS_OF_OTHERS * self.limit)
        row_budget = min(self.limit - whole_rows, max(0, self._credit // _ROWS_OF_OTHERS))
        batch = slices + self._take_large(row_budget, now)
        # Where all callers of requests that fit have gone, a large one that waits must not wait on.
        return batch or self.take_large_batch(now, calm=False)

    def take_large_batch(self, now: float, *, calm: bool) -> list[BatchSlice]:
        """Takes a batch of large requests alone.

        Args:
            now: The time, in seconds of the scheduler's clock.
            calm: Whether nobody else calls, so that it may be a whole batch.
        """
        return self._take_large(self.limit if calm else max(1, self.limit // _LARGE_SHARE), now)

    def _take_whole(self, room: int) -> list[BatchSlice]:
        slices: list[BatchSlice] = []
        while self._whole:
            request = self._whole[0]
            is_wanted = request.is_wanted
            if is_wanted and request.rows > room:
                break
            self._whole.popleft()
            self.whole_rows -= request.rows
            if is_wanted:
                slices.append(request.take(request.rows))
                room -= request.rows
        return slices

    def _take_large(self, room: int, now: float) -> list[BatchSlice]:
        slices: list[BatchSlice] = []
        while self._large and room:
            request = self._large.popleft()
            if not request.is_wanted:
                self.large_rows -= request.rows_left
                continue
            batch_slice = request.take(min(request.rows_left, room))
            slices.append(batch_slice)
            room -= len(batch_slice)
            self.large_rows -= len(batch_slice)
            if request.rows_left:
                request.turn = now
                self._large.append(request)
        max_debt = _ROWS_OF_OTHERS * self.limit
        self._credit = max(-max_debt, self._credit - _ROWS_OF_OTHERS * count_rows(slices)) if self._large else 0
        return slices


def count_rows(slices: Iterable[BatchSlice]) -> int:
    """Counts the rows of a batch."""
    return sum(len(batch_slice) for batch_slice in slices)
