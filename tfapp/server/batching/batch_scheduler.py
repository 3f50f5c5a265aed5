"""Merges requests that wait at the same time: one queue a signature, and threads that run batches of all queues.

A batch leaves as soon as a thread is free (or is full, or has waited for its time). Queues take turns, and in each its
callers, and large requests with the others (see `fair_queue`). While a larger batch of the same signature runs, what
waits gathers to its fair share: the rows under way and waiting, divided by the threads. Else the first caller of a
batch to come back would leave alone, with the rest right behind, and many callers would be answered in many small
batches. A request that finds nobody waiting and a free thread runs in the thread that brought it, which saves two
switches. A request whose caller has gone is dropped before it runs, a large one before its next part.

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

from tfapp.server.batching.batch_request import Arrays, BatchRequest, BatchSlice
from tfapp.server.batching.fair_queue import FairQueue, count_rows
from tfapp.server.metrics import Metrics
from tfapp.server.request_context import RequestContext
from tfapp.server.request_errors import RequestError
from tfapp.server.settings import BatchingSettings

__all__ = ["BatchScheduler", "RunBatch", "SignatureQueue"]

# So long after the last request that fits into a batch came or was answered, nobody else calls.
_CALM_SECONDS: Final = 0.05

# Inputs by alias, and the outputs to answer.
RunBatch: TypeAlias = Callable[[Arrays, Collection[str]], dict[str, NDArray[Any]]]


class SignatureQueue:
    """The queue of the requests that wait for one signature.

    Args:
        scheduler: Runs them.
        run: Runs the signature on merged inputs.
        limit: The most rows of a batch.
    """

    def __init__(self, scheduler: BatchScheduler, run: RunBatch, limit: int) -> None:
        self._scheduler = scheduler
        self.run = run
        self.requests = FairQueue(limit)
        # Rows of the batches that run, without those of large requests.
        self.running = 0

    def answer(self, inputs: Arrays, outputs: Sequence[str], context: RequestContext) -> dict[str, NDArray[Any]]:
        """Runs a request in a batch with others that wait at the same time.

        Args:
            inputs: Arrays by alias, each with the same number of rows, at least one.
            outputs: The aliases to answer.
            context: The request's context.

        Returns:
            The outputs.

        Raises:
            RequestError: The queue is full, the caller's time is up, or the run failed on this request.
        """
        return self._scheduler.enqueue(self, inputs, outputs, context).wait()


class BatchScheduler:
    """Runs batches of all queues in a fixed number of threads.

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
        # Guards the queues and their requests.
        self._changed = threading.Condition(threading.Lock())
        # Those in which something waits, so that the queue of an unloaded version is let go.
        self._queues: dict[SignatureQueue, None] = {}
        self._threads: list[threading.Thread] = []
        # Batches that run, in our threads or in their caller's.
        self._running = 0
        # Those of them that hold large requests alone.
        self._large_batches = 0
        # Rows of all others that run, and when the last of them came or was answered.
        self._others = 0
        self._last = -math.inf
        self._stopped = False

    def queue(self, run: RunBatch) -> SignatureQueue:
        """Returns a new queue.

        Args:
            run: Runs the signature; every output has as many rows as the inputs.
        """
        return SignatureQueue(self, run, self._settings.max_batch_size)

    def enqueue(
        self, queue: SignatureQueue, inputs: Arrays, outputs: Sequence[str], context: RequestContext
    ) -> BatchRequest:
        """Puts a request into a queue, or runs it at once if it is the only one.

        Raises:
            RequestError: The queue is full, or the server stops.
        """
        request = BatchRequest(inputs, outputs, context, self._clock())
        with self._changed:
            if self._stopped:
                raise RequestError(grpc.StatusCode.UNAVAILABLE, "The server stops")
            queue.requests.make_room(request, self._settings.max_enqueued_batches)
            if request.rows <= self._settings.max_batch_size:
                self._last = request.since
            queue.requests.add(request)
            self._queues[queue] = None
            self._start_threads()
            is_alone = len(self._queues) == 1 and len(queue.requests) == 1
            slices = self._take_due_batch()[1] if is_alone else []
            # A thread that waits is left alone while the queue gathers: what it waits for has not changed.
            if queue.requests.large_rows or self._seconds_until_due(queue) < math.inf:
                self._changed.notify()
        if slices:
            self._run_and_count(queue, slices)
        return request

    def stop(self) -> None:
        """Ends the threads after their current batch; requests that wait fail as UNAVAILABLE."""
        with self._changed:
            self._stopped = True
            requests = [request for queue in self._queues for request in queue.requests]
            self._queues.clear()
            self._changed.notify_all()
        for request in requests:
            request.fail(RequestError(grpc.StatusCode.UNAVAILABLE, "The server stops"))

    def _start_threads(self) -> None:
        name = self._settings.thread_pool_name
        while len(self._threads) < self._settings.num_batch_threads:
            thread = threading.Thread(target=self._work, name=f"{name}-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                queue, slices = self._take_due_batch()
                while not slices and not self._stopped:
                    self._changed.wait(self._wait_time())
                    queue, slices = self._take_due_batch()
            if queue is None:
                return
            self._run_and_count(queue, slices)
            # An idle thread must not keep the last batch, and with it an unloaded version, in memory.
            del queue, slices

    def _take_due_batch(self) -> tuple[SignatureQueue | None, list[BatchSlice]]:
        """Takes a batch that is due, if a thread is free for it, of the queue that has waited longest for one."""
        if self._running >= self._settings.num_batch_threads:
            return None, []
        for queue in sorted(self._queues, key=lambda queue: queue.requests.turn):
            slices = self._take_from(queue)
            if not queue.requests:
                del self._queues[queue]
            if slices:
                self._count_run(queue, slices, 1)
                return queue, slices
        return None, []

    def _take_from(self, queue: SignatureQueue) -> list[BatchSlice]:
        now = self._clock()
        # Callers of all that is due may have gone.
        if self._seconds_until_due(queue) <= 0 and (slices := queue.requests.take(now)):
            return slices
        # While others call, a thread is kept for them where there are several.
        calm = not self._others and now - self._last > _CALM_SECONDS
        if calm or self._large_batches < max(1, self._settings.num_batch_threads - 1):
            return queue.requests.take_large_batch(now, calm=calm)
        return []

    def _count_run(self, queue: SignatureQueue, slices: list[BatchSlice], change: int) -> None:
        """Counts a batch that begins (1) or ends (-1)."""
        max_rows = self._settings.max_batch_size
        others = count_rows([batch_slice for batch_slice in slices if batch_slice.request.rows <= max_rows])
        self._running += change
        queue.running += change * others
        self._others += change * others
        if others:
            self._last = self._clock()
        else:
            self._large_batches += change

    def _seconds_until_due(self, queue: SignatureQueue) -> float:
        """Returns the seconds until the next batch of requests that fit may leave; infinite while it gathers."""
        rows = queue.requests.whole_rows
        if not rows:
            return math.inf
        if rows >= self._settings.max_batch_size:
            return 0.0
        if self._timeout:
            return queue.requests.since + self._timeout - self._clock()
        share = (queue.running + rows) / self._settings.num_batch_threads
        return 0.0 if not queue.running or rows >= share else math.inf

    def _wait_time(self) -> float | None:
        """Returns the seconds until a batch is due; None: until a request comes or a batch ends."""
        if self._running >= self._settings.num_batch_threads:
            return None
        pause = min((max(0.0, self._seconds_until_due(queue)) for queue in self._queues), default=math.inf)
        return None if pause == math.inf else pause

    def _run_and_count(self, queue: SignatureQueue, slices: list[BatchSlice]) -> None:
        try:
            self._run_or_split(queue, slices)
        finally:
            with self._changed:
                self._count_run(queue, slices, -1)
                # What gathered meanwhile may leave now.
                if self._queues:
                    self._changed.notify()

    def _run_or_split(self, queue: SignatureQueue, slices: list[BatchSlice]) -> None:
        """Runs a batch; if it fails, its halves, so that a request fails for its own faults only."""
        slices = [batch_slice for batch_slice in slices if batch_slice.request.is_wanted]
        if not slices:
            return
        try:
            results = self._merged_results(queue, slices)
        except Exception as error:  # noqa: BLE001 - whoever waits for the answer raises it
            if len(slices) == 1:
                slices[0].request.fail(error)
                return
            middle = len(slices) // 2
            self._run_or_split(queue, slices[:middle])
            self._run_or_split(queue, slices[middle:])
            return
        start = 0
        for batch_slice in slices:
            batch_slice.request.deliver(batch_slice.start, results, slice(start, start + len(batch_slice)))
            start += len(batch_slice)

    def _merged_results(self, queue: SignatureQueue, slices: Sequence[BatchSlice]) -> dict[str, NDArray[Any]]:
        aliases = slices[0].request.inputs
        inputs = {alias: _join([batch_slice.rows(alias) for batch_slice in slices]) for alias in aliases}
        inputs, size = self._fill(inputs, count_rows(slices))
        self._count_waits(slices)
        results = queue.run(inputs, {alias for batch_slice in slices for alias in batch_slice.request.outputs})
        if any(array.shape[:1] != (size,) for array in results.values()):
            raise RequestError(
                grpc.StatusCode.FAILED_PRECONDITION,
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
                "tensors",
            )
        return results

    def _count_waits(self, slices: Sequence[BatchSlice]) -> None:
        self._metrics.run_count.add()
        now, name = self._clock(), (self._settings.thread_pool_name,)
        for batch_slice in slices:
            if batch_slice.start == 0:
                self._metrics.queuing_latency.observe(name, 1e6 * (now - batch_slice.request.since))

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
