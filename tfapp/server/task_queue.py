"""The requests that wait for one signature, and what the next batch takes of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

import grpc

from tfapp.server.status import RequestError
from tfapp.server.task import Piece, Task

__all__ = ["TaskQueue", "count_rows"]

# While other requests come, a large one takes one row for so many of theirs ...
_ROWS_OF_OTHERS: Final = 3
# ... and this part of a batch where none of them waits, so that who comes next waits for a short run only.
_SLICES: Final = 8


class TaskQueue:
    """Requests that fit into a batch, in the order in which they came, and larger ones, which take turns.

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
        self._whole: deque[Task] = deque()
        self._large: deque[Task] = deque()
        # Rows of others, less those of large ones times `_ROWS_OF_OTHERS`, since there were both.
        self._credit = 0

    def __len__(self) -> int:
        return len(self._whole) + len(self._large)

    def __iter__(self) -> Iterator[Task]:
        return chain(self._whole, self._large)

    @property
    def since(self) -> float:
        """When the first of the requests that fit came; there must be one."""
        return self._whole[0].since

    @property
    def turn(self) -> float:
        """Since when somebody waits for a batch: a large request, since its last slice."""
        return min(queue[0].turn for queue in (self._whole, self._large) if queue)

    def check_room(self, task: Task, most: int) -> None:
        """Checks that a request may wait; a large one counts as one batch, and takes no room from those that fit.

        Args:
            task: The request.
            most: How many batches may wait.

        Raises:
            RequestError: As many wait, in TensorFlow Serving's words (shared_batch_scheduler.h).
        """
        fits = task.rows <= self.limit
        if self.whole_rows + task.rows <= most * self.limit if fits else len(self._large) < most:
            return
        batches = -(-self.whole_rows // self.limit) if fits else len(self._large)
        raise RequestError(
            grpc.StatusCode.UNAVAILABLE,
            "The batch scheduling queue to which this task was submitted is full; "
            f"currently {batches} batches enqueued and max_enqueued_batches is {most}",
        )

    def add(self, task: Task) -> None:
        """Puts a request at the end."""
        if task.rows <= self.limit:
            self._whole.append(task)
            self.whole_rows += task.rows
        else:
            self._large.append(task)
            self.large_rows += task.rows

    def take(self, now: float) -> list[Piece]:
        """Takes the next batch of requests that fit, with what is owed to large ones.

        Requests whose caller has gone are dropped.

        Args:
            now: The time, in seconds of the scheduler's clock.
        """
        self._drop_unwanted()
        owed = max(0, self._credit // _ROWS_OF_OTHERS)
        pieces = self._take_whole(self.limit - (min(owed, self._large[0].left) if self._large else 0))
        if not pieces and owed < self.limit:
            pieces = self._take_whole(self.limit)
        taken = count_rows(pieces)
        self._credit = min(self._credit + taken, _ROWS_OF_OTHERS * self.limit)
        return pieces + self._take_large(min(self.limit - taken, max(0, self._credit // _ROWS_OF_OTHERS)), now)

    def take_slice(self, now: float, *, calm: bool) -> list[Piece]:
        """Takes a batch of large requests alone.

        Args:
            now: The time, in seconds of the scheduler's clock.
            calm: Whether nobody else calls, so that it may be a whole batch.
        """
        return self._take_large(self.limit if calm else max(1, self.limit // _SLICES), now)

    def _drop_unwanted(self) -> None:
        while self._large and not self._large[0].wanted:
            self.large_rows -= self._large.popleft().left

    def _take_whole(self, room: int) -> list[Piece]:
        pieces: list[Piece] = []
        while self._whole:
            task = self._whole[0]
            wanted = task.wanted
            if wanted and task.rows > room:
                break
            self._whole.popleft()
            self.whole_rows -= task.rows
            if wanted:
                pieces.append(task.take(task.rows))
                room -= task.rows
        return pieces

    def _take_large(self, room: int, now: float) -> list[Piece]:
        pieces: list[Piece] = []
        while self._large and room:
            task = self._large.popleft()
            if not task.wanted:
                self.large_rows -= task.left
                continue
            piece = task.take(min(task.left, room))
            pieces.append(piece)
            room -= len(piece)
            self.large_rows -= len(piece)
            if task.left:
                task.turn = now
                self._large.append(task)
        most = _ROWS_OF_OTHERS * self.limit
        self._credit = max(-most, self._credit - _ROWS_OF_OTHERS * count_rows(pieces)) if self._large else 0
        return pieces


def count_rows(pieces: Iterable[Piece]) -> int:
    """Counts the rows of a batch."""
    return sum(len(piece) for piece in pieces)
