"""Merges requests that wait at the same time: one queue a signature, threads that run batches of all of them.

A batch leaves as soon as a thread is free (or is full, or has waited for its time), the request that waited longest
first; one that is larger than a batch takes turns with the others (see `task_queue`). While a larger batch of the same
signature runs, what waits gathers to its fair share: the rows under way and waiting, divided by the threads. Else the
first caller of a batch to come back would leave alone, with the rest right behind, and many callers would be answered
in many small batches. A request that finds nobody waiting and a free thread runs in the thread that brought it, which
saves two switches. A request whose caller has gone is dropped before it runs, a large one before its next part.

TensorFlow's own `BatchFunction` op does the same within a graph, but it keeps what it ran for the life of the process
(a few MB a version that is unloaded), and it knows neither deadlines nor callers who leave.
"""

from __future__ import annotations

import math
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, TypeAlias

import grpc
import numpy as np
from numpy.typing import NDArray

from tfapp.server.caller import Caller
from tfapp.server.metrics import Metrics
from tfapp.server.settings import BatchingSettings
from tfapp.server.status import RequestError
from tfapp.server.task import Arrays, Piece, Task
from tfapp.server.task_queue import TaskQueue, count_rows

__all__ = ["Batcher", "Queue", "Run"]

# So long after the last request that fits into a batch came or was answered, nobody else calls.
_CALM_SECONDS: Final = 0.05

# Inputs by alias, and the outputs to answer.
Run: TypeAlias = Callable[[Arrays, Collection[str]], dict[str, NDArray[Any]]]


class Queue:
    """The requests that wait for one signature.

    Args:
        batcher: Runs them.
        run: Runs the signature on merged inputs.
        limit: The most rows of a batch.
    """

    def __init__(self, batcher: Batcher, run: Run, limit: int) -> None:
        self._batcher = batcher
        self.run = run
        self.tasks = TaskQueue(limit)
        # Rows of the batches that run, without those of large requests.
        self.running = 0

    def answer(self, inputs: Arrays, outputs: Sequence[str], caller: Caller) -> dict[str, NDArray[Any]]:
        """Runs a request in the company of those that wait with it.

        Args:
            inputs: Arrays by alias, each with the same number of rows, at least one.
            outputs: The aliases to answer.
            caller: Who waits.

        Returns:
            The outputs.

        Raises:
            RequestError: The queue is full, the caller's time is up, or the run failed on this request.
        """
        return self._batcher.enqueue(self, inputs, outputs, caller).wait()


class Batcher:
    """The threads that run batches, for all queues.

    Args:
        settings: Sizes of batches and queues.
        clock: Tells the time, in seconds.
        metrics: Counts batches, and how long requests waited for them.
    """

    def __init__(
        self,
        settings: BatchingSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        metrics: Metrics | None = None,
    ) -> None:
        self._settings = settings
        self._metrics = metrics or Metrics()
        self._timeout = settings.batch_timeout_micros / 1e6
        self._clock = clock
        # Guards the queues and their tasks.
        self._changed = threading.Condition(threading.Lock())
        # Those in which something waits, so that the queue of an unloaded version is let go.
        self._queues: dict[Queue, None] = {}
        self._threads: list[threading.Thread] = []
        # Batches that run, in our threads or in their caller's.
        self._running = 0
        # Those of them that hold large requests alone.
        self._slices = 0
        # Rows of all others that run, and when the last of them came or was answered.
        self._others = 0
        self._last = -math.inf
        self._stopped = False

    def queue(self, run: Run) -> Queue:
        """Makes a queue.

        Args:
            run: Runs the signature; every output has as many rows as the inputs.
        """
        return Queue(self, run, self._settings.max_batch_size)

    def enqueue(self, queue: Queue, inputs: Arrays, outputs: Sequence[str], caller: Caller) -> Task:
        """Puts a request into a queue, or runs it at once if it is the only one.

        Raises:
            RequestError: The queue is full, or the server stops.
        """
        task = Task(inputs, outputs, caller, self._clock())
        with self._changed:
            if self._stopped:
                raise RequestError(grpc.StatusCode.UNAVAILABLE, "The server stops")
            queue.tasks.check_room(task, self._settings.max_enqueued_batches)
            if task.rows <= self._settings.max_batch_size:
                self._last = task.since
            queue.tasks.add(task)
            self._queues[queue] = None
            self._start_threads()
            alone = len(self._queues) == 1 and len(queue.tasks) == 1
            pieces = self._next()[1] if alone else []
            if queue.tasks:
                self._changed.notify()
        if pieces:
            self._run_taken(queue, pieces)
        return task

    def stop(self) -> None:
        """Ends the threads once they have run what they are at; what waits fails as UNAVAILABLE."""
        with self._changed:
            self._stopped = True
            left = [task for queue in self._queues for task in queue.tasks]
            self._queues.clear()
            self._changed.notify_all()
        for task in left:
            task.fail(RequestError(grpc.StatusCode.UNAVAILABLE, "The server stops"))

    def _start_threads(self) -> None:
        name = self._settings.thread_pool_name
        while len(self._threads) < self._settings.num_batch_threads:
            thread = threading.Thread(target=self._work, name=f"{name}-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                queue, pieces = self._next()
                while not pieces and not self._stopped:
                    self._changed.wait(self._pause())
                    queue, pieces = self._next()
            if queue is None:
                return
            self._run_taken(queue, pieces)
            # An idle thread must not keep the last batch, and with it an unloaded version, in memory.
            del queue, pieces

    def _next(self) -> tuple[Queue | None, list[Piece]]:
        """Takes the batch that is due and has waited longest, if a thread is free for it."""
        if self._running >= self._settings.num_batch_threads:
            return None, []
        for queue in sorted(self._queues, key=lambda queue: queue.tasks.turn):
            pieces = self._take(queue)
            if not queue.tasks:
                del self._queues[queue]
            if pieces:
                self._count_run(queue, pieces, 1)
                return queue, pieces
        return None, []

    def _take(self, queue: Queue) -> list[Piece]:
        now = self._clock()
        # Callers of all that is due may have gone.
        if self._due(queue) <= 0 and (pieces := queue.tasks.take(now)):
            return pieces
        # While others call, a thread is kept for them where there are several.
        calm = not self._others and now - self._last > _CALM_SECONDS
        if calm or self._slices < max(1, self._settings.num_batch_threads - 1):
            return queue.tasks.take_slice(now, calm=calm)
        return []

    def _count_run(self, queue: Queue, pieces: list[Piece], one: int) -> None:
        """Counts a batch that begins (1) or ends (-1)."""
        most = self._settings.max_batch_size
        others = count_rows(piece for piece in pieces if piece.task.rows <= most)
        self._running += one
        queue.running += one * others
        self._others += one * others
        if others:
            self._last = self._clock()
        else:
            self._slices += one

    def _due(self, queue: Queue) -> float:
        """Seconds until the next batch of requests that fit may leave; infinite while it gathers."""
        rows = queue.tasks.whole_rows
        if not rows:
            return math.inf
        if rows >= self._settings.max_batch_size:
            return 0.0
        if self._timeout:
            return queue.tasks.since + self._timeout - self._clock()
        share = (queue.running + rows) / self._settings.num_batch_threads
        return 0.0 if not queue.running or rows >= share else math.inf

    def _pause(self) -> float | None:
        """Seconds until something is due; None: until somebody comes or a batch ends."""
        if self._running >= self._settings.num_batch_threads:
            return None
        pause = min((max(0.0, self._due(queue)) for queue in self._queues), default=math.inf)
        return None if pause == math.inf else pause

    def _run_taken(self, queue: Queue, pieces: list[Piece]) -> None:
        try:
            self._run(queue, pieces)
        finally:
            with self._changed:
                self._count_run(queue, pieces, -1)
                # What gathered meanwhile may leave now.
                if self._queues:
                    self._changed.notify()

    def _run(self, queue: Queue, pieces: list[Piece]) -> None:
        """Runs a batch; if it fails, its halves, so that a request fails for its own faults only."""
        pieces = [piece for piece in pieces if piece.task.wanted]
        if not pieces:
            return
        try:
            results = self._results(queue, pieces)
        except Exception as error:  # noqa: BLE001 - whoever waits for the answer raises it
            if len(pieces) == 1:
                pieces[0].task.fail(error)
                return
            middle = len(pieces) // 2
            self._run(queue, pieces[:middle])
            self._run(queue, pieces[middle:])
            return
        at = 0
        for piece in pieces:
            piece.task.deliver(piece.start, results, slice(at, at + len(piece)))
            at += len(piece)

    def _results(self, queue: Queue, pieces: Sequence[Piece]) -> dict[str, NDArray[Any]]:
        aliases = pieces[0].task.inputs
        inputs = {alias: _join([piece.rows(alias) for piece in pieces]) for alias in aliases}
        filled = self._fill(inputs, count_rows(pieces))
        self._count(pieces)
        results = queue.run(filled[0], {alias for piece in pieces for alias in piece.task.outputs})
        if any(array.shape[:1] != (filled[1],) for array in results.values()):
            raise RequestError(
                grpc.StatusCode.FAILED_PRECONDITION,
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
                "tensors",
            )
        return results

    def _count(self, pieces: Sequence[Piece]) -> None:
        self._metrics.run_count.add()
        now, name = self._clock(), (self._settings.thread_pool_name,)
        for piece in pieces:
            if piece.start == 0:
                self._metrics.queuing_latency.observe(name, 1e6 * (now - piece.task.since))

    def _fill(self, inputs: dict[str, NDArray[Any]], rows: int) -> tuple[dict[str, NDArray[Any]], int]:
        """Fills a batch up to an allowed size with copies of its first row."""
        sizes = self._settings.allowed_batch_sizes
        if not sizes:
            return inputs, rows
        size = sizes[bisect_left(sizes, rows)]
        if size == rows:
            return inputs, rows
        copies = {alias: np.repeat(array[:1], size - rows, axis=0) for alias, array in inputs.items()}
        return {alias: np.concatenate([array, copies[alias]]) for alias, array in inputs.items()}, size


def _join(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
