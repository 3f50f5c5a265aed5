"""The metrics of a server, under TensorFlow Serving's names, and the page of them that Prometheus reads.

The names begin with a colon and counters have no `_total`, which the usual client library would add; so the text
format (https://prometheus.io/docs/instrumenting/exposition_formats/) is written here.

Sources of names and buckets: tensorflow_serving/servables/tensorflow/util.cc, batching_session.cc,
saved_model_warmup_util.cc; tensorflow/cc/saved_model/loader_util.cc.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from tfapp.server.request_context import RequestContext
from tfapp.server.request_errors import RequestError

__all__ = ["Counter", "Histogram", "Metrics"]

_PREFIX: Final = ":tensorflow:serving:"
_LOADING: Final = ":tensorflow:cc:saved_model:"
# Callers name models as they like: so many names are told apart, of so many characters; the rest counts as no name.
_MOST_NAMES: Final = 1000
_LONGEST_NAME: Final = 256

_LabelValues = tuple[str, ...]


class Counter:
    """A counter for each combination of label values.

    Args:
        name: The metric's name.
        labels: The labels' names; the first one may be something that callers choose.
    """

    def __init__(self, name: str, *labels: str) -> None:
        self._name = name
        self._labels = labels
        self._lock = threading.Lock()
        self._cells: dict[_LabelValues, int] = {}

    def add(self, values: _LabelValues = (), amount: int = 1) -> None:
        """Adds to the count of some label values."""
        with self._lock:
            values = _limit_names(self._cells, values)
            self._cells[values] = self._cells.get(values, 0) + amount

    def lines(self) -> Iterator[str]:
        """Yields the lines of Prometheus's text format."""
        yield f"# TYPE {self._name} counter"
        with self._lock:
            cells = sorted(self._cells.items())
        for values, count in cells:
            yield f"{self._name}{{{_pairs(self._labels, values)}}} {count}"


class Histogram:
    """A histogram of amounts for each combination of label values.

    Args:
        name: The metric's name.
        bounds: The largest amount of each bucket, increasing.
        labels: The labels' names.
    """

    def __init__(self, name: str, bounds: Sequence[float], *labels: str) -> None:
        self._name = name
        self._bounds = tuple(bounds)
        self._labels = labels
        self._lock = threading.Lock()
        self._cells: dict[_LabelValues, tuple[list[int], list[float]]] = {}

    def observe(self, values: _LabelValues, amount: float) -> None:
        """Adds one amount."""
        bucket = bisect_left(self._bounds, amount)
        with self._lock:
            values = _limit_names(self._cells, values)
            cell = self._cells.get(values)
            if cell is None:
                cell = self._cells[values] = ([0] * (len(self._bounds) + 1), [0.0])
            cell[0][bucket] += 1
            cell[1][0] += amount

    def lines(self) -> Iterator[str]:
        """Yields the lines of Prometheus's text format."""
        yield f"# TYPE {self._name} histogram"
        with self._lock:
            cells = sorted((values, list(counts), total[0]) for values, (counts, total) in self._cells.items())
        limits = [*(f"{upper_bound:g}" for upper_bound in self._bounds), "+Inf"]
        for values, counts, total in cells:
            pairs = _pairs(self._labels, values)
            so_far = 0
            for limit, count in zip(limits, counts, strict=True):
                so_far += count
                yield f'{self._name}_bucket{{{pairs}{"," if pairs else ""}le="{limit}"}} {so_far}'
            yield f"{self._name}_sum{{{pairs}}} {total:.12g}"
            yield f"{self._name}_count{{{pairs}}} {so_far}"


class Metrics:
    """All metrics of one server.

    Args:
        clock: Tells the time, in seconds.

    Attributes:
        request_count: Requests, by model and gRPC status.
        request_latency: Microseconds of an answered request, by model, API and way in.
        runtime_latency: Microseconds of its run of the model, the wait in the queue included.
        example_counts: Examples a request.
        example_total: Examples.
        queuing_latency: Microseconds that a request waited for its batch.
        run_count: Batches that were run.
        warmup_latency: Microseconds of a version's warm-up, by its folder and status.
        warmup_records: Warm-up requests.
        load_attempts: Loads, by folder and "success" or "fail".
        load_latency: Microseconds of the loads.
    """

    def __init__(self, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        latencies, waits = _powers(10, 1.8, 33), _powers(100, 1.2, 52)
        self.request_count = Counter(_PREFIX + "request_count", "model_name", "status")
        self.request_latency = Histogram(_PREFIX + "request_latency", latencies, "model_name", "API", "entrypoint")
        self.runtime_latency = Histogram(_PREFIX + "runtime_latency", latencies, "model_name", "API", "runtime")
        self.example_counts = Histogram(_PREFIX + "request_example_counts", _powers(1, 2, 15), "model")
        self.example_total = Counter(_PREFIX + "request_example_count_total", "model")
        self.queuing_latency = Histogram(_PREFIX + "batching_session:queuing_latency", waits, "thread_pool_name")
        self.run_count = Counter(_PREFIX + "batching_session:wrapped_run_count")
        self.warmup_latency = Histogram(_PREFIX + "model_warmup_latency", latencies, "model_path", "status")
        self.warmup_records = Counter(_PREFIX + "model_warmup_records_read", "model_path")
        self.load_attempts = Counter(_LOADING + "load_attempt_count", "model_path", "status")
        self.load_latency = Counter(_LOADING + "load_latency", "model_path")

    @contextmanager
    def request(self, model: str, api: str, entrypoint: str, context: RequestContext) -> Iterator[None]:
        """Counts the request that the block answers, and how long it took where it was answered.

        `api` is "Predict" and the like, over REST the path's verb; `entrypoint` "GRPC" or "REST".
        """
        name = model if len(model) <= _LONGEST_NAME else ""
        start = self._clock()
        try:
            yield
        except BaseException as error:
            self.request_count.add((name, _status(error)))
            raise
        self.request_count.add((name, "OK"))
        self.request_latency.observe((name, api, entrypoint), 1e6 * (self._clock() - start))
        if context.model_seconds is not None:
            self.runtime_latency.observe((name, api[:1].upper() + api[1:], "TF1"), 1e6 * context.model_seconds)

    def examples(self, model: str, count: int) -> None:
        """Counts the examples of an answered request."""
        self.example_counts.observe((model,), count)
        self.example_total.add((model,), count)

    @contextmanager
    def load(self, path: str) -> Iterator[None]:
        """Counts the load of a version, which the block does."""
        start = self._clock()
        try:
            yield
        except BaseException:
            self.load_attempts.add((path, "fail"))
            raise
        self.load_attempts.add((path, "success"))
        self.load_latency.add((path,), round(1e6 * (self._clock() - start)))

    @contextmanager
    def warm_up(self, path: str) -> Iterator[None]:
        """Counts the warm-up of a version, which the block does."""
        start = self._clock()
        status = "OK"
        try:
            yield
        except BaseException as error:
            status = _status(error)
            raise
        finally:
            self.warmup_latency.observe((path, status), 1e6 * (self._clock() - start))

    def page(self) -> str:
        """Returns the page of all metrics in Prometheus's text format."""
        families: list[Any] = [family for name, family in vars(self).items() if not name.startswith("_")]
        return "".join(f"{line}\n" for family in families for line in family.lines())


def _powers(first: float, factor: float, count: int) -> list[float]:
    return [first * factor**power for power in range(count)]


def _limit_names(cells: dict[_LabelValues, Any], values: _LabelValues) -> _LabelValues:
    return values if values in cells or len(cells) < _MOST_NAMES else ("", *values[1:])


def _status(error: BaseException) -> str:
    return error.code.name if isinstance(error, RequestError) else "INTERNAL"


def _pairs(labels: Sequence[str], values: Sequence[str]) -> str:
    return ",".join(f'{label}="{_escape(value)}"' for label, value in zip(labels, values, strict=True))


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
