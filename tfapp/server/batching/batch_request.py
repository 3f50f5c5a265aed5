"""One request in a batching queue, and the slices of its rows that batches take."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tfapp.server.request_context import RequestContext, abandoned_error

__all__ = ["Arrays", "BatchRequest", "BatchSlice"]

Arrays = Mapping[str, NDArray[Any]]

# By the kind of NumPy's type.
_PADDING: Final = {"O": b"", "i": -1}
_COUNTING: Final = threading.Lock()


class BatchRequest:
    """A request that waits for its turn, then for its answer.

    Args:
        inputs: Arrays by alias, each with the same number of rows, at least one.
        outputs: The aliases to answer.
        context: The request's context.
        since: When it came, in seconds of the scheduler's clock.

    Attributes:
        inputs: As given.
        outputs: As given.
        since: As given.
        rows: The number of rows.
        caller: The caller's address and connection.
    """

    __slots__ = (
        "_answered",
        "_context",
        "_done",
        "_error",
        "_is_over",
        "_parts",
        "_taken",
        "caller",
        "inputs",
        "outputs",
        "rows",
        "since",
    )

    def __init__(self, inputs: Arrays, outputs: Sequence[str], context: RequestContext, since: float) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.since = since
        self.caller = context.caller
        self.rows = len(next(iter(inputs.values())))
        self._taken = 0
        self._answered = 0
        self._context = context
        self._parts: dict[int, dict[str, NDArray[Any]]] = {}
        self._error: Exception | None = None
        self._is_over = False
        # Held until the answer is there. An Event would cost ten times as much.
        self._done = threading.Lock()
        self._done.acquire()

    @property
    def is_wanted(self) -> bool:
        """Returns whether its caller still waits for it, and it has not failed."""
        return not self._is_over and self._error is None and self._context.is_active

    @property
    def rows_left(self) -> int:
        """Returns the number of rows that no batch has taken yet."""
        return self.rows - self._taken

    def take(self, count: int) -> BatchSlice:
        """Returns the slice of its next rows, for a batch."""
        start = self._taken
        self._taken += count
        return BatchSlice(self, start, self._taken)

    def wait(self) -> dict[str, NDArray[Any]]:
        """Returns the answer, for which it waits as long as the caller does.

        Returns:
            The outputs.

        Raises:
            RequestError: The caller's time is up or it has gone.
            Exception: What the run raised.
        """
        with self._context.on_cancel(self._wake):
            seconds_left = self._context.time_remaining()
            self._done.acquire(timeout=-1 if seconds_left is None else seconds_left)
        # An error knows the frames that it passed through, and by them this request. In such a circle, its arrays would
        # stay until the next collection of garbage.
        error, self._error = self._error, None
        self._is_over = True
        parts, self._parts = self._parts, {}
        try:
            if error is not None:
                raise error
            if self._answered < self.rows:
                raise abandoned_error(self._context, ran=self._taken > 0)
            return _join_parts([parts[start] for start in sorted(parts)], self.outputs)
        finally:
            del error

    def deliver(self, start: int, results: Arrays, rows: slice) -> None:
        """Stores the results of some of its rows.

        Args:
            start: The first of its rows that they are for.
            results: Outputs of the whole batch, by alias.
            rows: Where its rows are in them.
        """
        self._parts[start] = {alias: results[alias][rows] for alias in self.outputs}
        # Parts of a large request come from several threads.
        with _COUNTING:
            self._answered += rows.stop - rows.start
        if self._answered >= self.rows:
            self._wake()

    def fail(self, error: Exception) -> None:
        """Ends the request with an error."""
        self._error = error
        self._wake()

    def _wake(self) -> None:
        # Whoever comes second finds it released.
        with suppress(RuntimeError):
            self._done.release()


def _join_parts(parts: Sequence[Arrays], outputs: Sequence[str]) -> dict[str, NDArray[Any]]:
    if len(parts) == 1:
        return dict(parts[0])
    return {alias: np.concatenate(_pad_parts([part[alias] for part in parts])) for alias in outputs}


def _pad_parts(parts: Sequence[NDArray[Any]]) -> Sequence[NDArray[Any]]:
    """Pads the parts of several runs to the widest of them: a tagger's answer is as wide as its batch has spans.

    They are padded as the contract pads: positions with -1, strings with "", scores with 0.
    """
    if len({part.shape[1:] for part in parts}) == 1:
        return parts
    shape = np.max([part.shape[1:] for part in parts], axis=0).tolist()
    padded_parts = [np.full((len(part), *shape), _PADDING.get(part.dtype.kind, 0), part.dtype) for part in parts]
    for part, target in zip(parts, padded_parts, strict=True):
        target[tuple(map(slice, part.shape))] = part
    return padded_parts


class BatchSlice:
    """A slice of a request's rows, which one batch holds.

    Args:
        request: Whose rows they are.
        start: The first row.
        stop: The row after the last.
    """

    __slots__ = ("request", "start", "stop")

    def __init__(self, request: BatchRequest, start: int, stop: int) -> None:
        self.request = request
        self.start = start
        self.stop = stop

    def __len__(self) -> int:
        return self.stop - self.start

    def rows(self, alias: str) -> NDArray[Any]:
        """Returns its rows of an input."""
        array = self.request.inputs[alias]
        return array if len(self) == len(array) else array[self.start : self.stop]
