"""Measures how a server answers under load: throughput, latencies, errors."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from tfapp_client.errors import ClientError, StatusError

__all__ = ["LoadProfile", "LoadResult", "run_load"]

_PERCENTILES: Final = (50.0, 90.0, 95.0, 99.0, 99.9)
_BARS: Final = 12
_BAR_WIDTH: Final = 40


@dataclass(frozen=True)
class LoadProfile:
    """A schedule of requests.

    Attributes:
        concurrency: Callers, each of which sends its next request when the last is answered.
        rate: Requests a second, sent at even times whether or not the last ones are answered; in place of callers. A
            latency then counts from the time at which the request was due.
        seconds: How long requests are sent.
        requests: How many are sent, in place of `seconds`.
    """

    concurrency: int = 8
    rate: float | None = None
    seconds: float = 10.0
    requests: int | None = None

    def __post_init__(self) -> None:
        if self.concurrency < 1 or (self.requests is not None and self.requests < 1):
            raise ValueError("concurrency and requests must be 1 or more")
        if self.seconds <= 0 or (self.rate is not None and self.rate <= 0):
            raise ValueError("seconds and rate must be over 0")


@dataclass
class LoadResult:
    """The measurements of one run.

    Attributes:
        seconds: From the first request to the last answer.
        latencies: Of the requests that were answered, in seconds.
        errors: Number of the others, by status.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)

    def as_dict(self, rows: int = 1) -> dict[str, Any]:
        """Returns the figures for JSON; `rows` is the number of rows of one request."""
        rate = len(self.latencies) / self.seconds if self.seconds else 0.0
        return {
            "seconds": round(self.seconds, 3),
            "answered": len(self.latencies),
            "errors": dict(self.errors),
            "rows_per_request": rows,
            "requests_per_second": round(rate, 2),
            "rows_per_second": round(rate * rows, 2),
            "latency_ms": self._percentiles(),
            "histogram": [
                {"from_ms": round(low, 3), "to_ms": round(high, 3), "count": count} for low, high, count in self._bars()
            ],
        }

    def as_text(self, rows: int = 1) -> str:
        """Returns the figures as text for a terminal."""
        figures = self.as_dict(rows)
        lines = [
            f"{figures['answered']} requests answered in {figures['seconds']:.1f} s: "
            f"{figures['requests_per_second']:.1f} requests/s, {figures['rows_per_second']:.1f} rows/s"
        ]
        lines += [f"{count} failed: {status}" for status, count in self.errors.most_common()]
        if self.latencies:
            lines += ["", "latency (ms)"]
            lines += [f"  {name:<6}{value:>10.2f}" for name, value in figures["latency_ms"].items()]
            lines += ["", *self._histogram()]
        return "\n".join(lines)

    def _percentiles(self) -> dict[str, float]:
        if not self.latencies:
            return {}
        values = np.array(self.latencies) * 1000
        marks = {f"p{mark:g}": float(np.percentile(values, mark)) for mark in _PERCENTILES}
        figures = {"mean": float(values.mean()), "min": float(values.min()), **marks, "max": float(values.max())}
        return {name: round(value, 3) for name, value in figures.items()}

    def _bars(self) -> list[tuple[float, float, int]]:
        """Returns the bars of a histogram, of equal ratio, as latencies spread over orders of magnitude."""
        if not self.latencies:
            return []
        values = np.maximum(np.array(self.latencies) * 1000, 1e-3)
        low, high = float(values.min()), float(values.max())
        edges = np.geomspace(low, max(high, low * 1.01), _BARS + 1)
        # Rounding must not leave out the ends.
        edges[0], edges[-1] = low, max(high, edges[-1])
        counts = np.histogram(values, edges)[0].tolist()
        return list(zip(edges[:-1].tolist(), edges[1:].tolist(), counts, strict=True))

    def _histogram(self) -> Iterator[str]:
        bars = self._bars()
        highest_count = max(count for _, _, count in bars)
        for low, high, count in bars:
            bar = "#" * -(-count * _BAR_WIDTH // highest_count)
            yield f"  {low:>9.2f} - {high:>9.2f} ms |{bar:<{_BAR_WIDTH}} {count}"


async def run_load(
    call: Callable[[], Awaitable[Any]], load: LoadProfile, *, clock: Callable[[], float] = time.perf_counter
) -> LoadResult:
    """Sends requests and measures their answers.

    Args:
        call: Sends one request.
        load: How many, and when.
        clock: Tells the time, in seconds.

    Returns:
        The figures.
    """
    figures = LoadResult()
    start = clock()

    async def send(start_time: float) -> None:
        try:
            await call()
        except ClientError as error:
            figures.errors[error.code.name if isinstance(error, StatusError) else type(error).__name__] += 1
        else:
            figures.latencies.append(clock() - start_time)

    if load.rate is None:
        await _by_callers(send, load, start, clock)
    else:
        await _at_rate(send, load, load.rate, start, clock)
    figures.seconds = clock() - start
    return figures


async def _by_callers(
    send: Callable[[float], Awaitable[None]], load: LoadProfile, start: float, clock: Callable[[], float]
) -> None:
    count = 0

    async def caller() -> None:
        nonlocal count
        while count < load.requests if load.requests is not None else clock() - start < load.seconds:
            count += 1
            await send(clock())

    await asyncio.gather(*(caller() for _ in range(load.concurrency)))


async def _at_rate(
    send: Callable[[float], Awaitable[None]], load: LoadProfile, rate: float, start: float, clock: Callable[[], float]
) -> None:
    total = load.requests or max(1, round(load.seconds * rate))
    tasks: set[asyncio.Future[None]] = set()
    for number in range(total):
        start_time = start + number / rate
        while (seconds := start_time - clock()) > 0:
            await asyncio.sleep(seconds)
        task = asyncio.ensure_future(send(start_time))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
