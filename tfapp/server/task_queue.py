"""The requests that wait for one signature, and what the next batch takes of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from tfapp.server.task import Piece, Task

__all__ = ["TaskQueue", "count_rows"]

# While other requests come, a large one takes one row for so many of theirs ...
_ROWS_OF_OTHERS: Final = 3
# ... and this part of a batch where none of them waits, so that who comes next waits for a short run only.
_SLICES: Final = 8


class TaskQueue:
    """Requests that fit into a batch, in the order in which they came, and larger ones, which take turns.

    A request that fits is never divided, and waits for no larger one: its batch is the next. Of larger ones, each batch
    takes a slice: as much as there is room for while nobody else calls; else what is owed to them, by deficit
    round-robin (Shreedhar and Varghese, 1995), so that neither side starves the other.

    Args:
        limit: The most rows of a batch.

    Attributes:
        limit: As given.
        rows: The rows that no batch has taken yet.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.rows = 0
        self._whole: deque[Task] = deque()
        self._whole_rows = 0
        self._large: deque[Task] = deque()
        # Rows that batches of others have had since the last slice of a large request.
        self._credit = 0
        # How many requests that fit had come to the server when the last slice was taken.
        self._arrivals = 0

    def __len__(self) -> int:
        return len(self._whole) + len(self._large)

    def __iter__(self) -> Iterator[Task]:
        return chain(self._whole, self._large)

    @property
    def since(self) -> float:
        """When the request came that has waited longest."""
        return min(queue[0].since for queue in (self._whole, self._large) if queue)

    @property
    def turn(self) -> float:
        """Since when somebody waits for a batch: a large request, since its last slice."""
        return min(queue[0].turn for queue in (self._whole, self._large) if queue)

    def batches_before(self, task: Task) -> int:
        """Counts the batches that wait beside a request: a large one counts as one, and not for those that fit."""
        return -(-self._whole_rows // self.limit) if task.rows <= self.limit else len(self._large)

    def has_room(self, task: Task, batches: int) -> bool:
        """Whether a request may wait, too, where so many batches may."""
        if task.rows > self.limit:
            return len(self._large) < batches
        return self._whole_rows + task.rows <= batches * self.limit

    def add(self, task: Task, arrivals: int) -> None:
        """Puts a request at the end.

        Args:
            task: The request.
            arrivals: How many requests that fit have come to the server, to whichever signature.
        """
        self.rows += task.rows
        if task.rows <= self.limit:
            self._whole.append(task)
            self._whole_rows += task.rows
            return
        if not self._large:
            self._arrivals = arrivals
        self._large.append(task)

    def take(self, now: float, arrivals: int) -> list[Piece]:
        """Takes the next batch; requests whose caller has gone are dropped.

        Args:
            now: The time, in seconds of the scheduler's clock.
            arrivals: As for `add`.
        """
        self._drop_unwanted()
        if not self._large:
            return self._take_whole(self.limit)
        owed = self._credit // _ROWS_OF_OTHERS
        pieces = self._take_whole(self.limit - min(owed, self._large[0].left))
        if not pieces and owed < self.limit:
            pieces = self._take_whole(self.limit)
        return pieces + self._take_large(self._slice(pieces, arrivals), now)

    def _slice(self, pieces: list[Piece], arrivals: int) -> int:
        """Counts the rows that large requests take beside others."""
        calm, self._arrivals = arrivals == self._arrivals, arrivals
        taken = count_rows(pieces)
        self._credit = min(self._credit + taken, _ROWS_OF_OTHERS * self.limit)
        if taken:
            return min(self.limit - taken, self._credit // _ROWS_OF_OTHERS)
        return self.limit if calm or self._whole else max(1, self.limit // _SLICES)

    def _drop_unwanted(self) -> None:
        while self._large and not self._large[0].wanted:
            self.rows -= self._large.popleft().left

    def _take_whole(self, room: int) -> list[Piece]:
        pieces: list[Piece] = []
        while self._whole:
            task = self._whole[0]
            wanted = task.wanted
            if wanted and task.rows > room:
                break
            self._whole.popleft()
            self._whole_rows -= task.rows
            self.rows -= task.rows
            if wanted:
                pieces.append(task.take(task.rows))
                room -= task.rows
        return pieces

    def _take_large(self, room: int, now: float) -> list[Piece]:
        pieces: list[Piece] = []
        while self._large and room:
            task = self._large.popleft()
            if not task.wanted:
                self.rows -= task.left
                continue
            piece = task.take(min(task.left, room))
            pieces.append(piece)
            room -= len(piece)
            self.rows -= len(piece)
            if task.left:
                task.turn = now
                self._large.append(task)
        self._credit = max(0, self._credit - _ROWS_OF_OTHERS * count_rows(pieces)) if self._large else 0
        return pieces


def count_rows(pieces: Iterable[Piece]) -> int:
    """Counts the rows of a batch."""
    return sum(len(piece) for piece in pieces)
