from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tfapp_client.bench import LoadProfile, LoadResult, run_load
from tfapp_client.errors import AnswerError, UnavailableError


class _Clock:
    """A clock that moves when somebody waits on it, one at a time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _run(call: Any, load: LoadProfile, clock: _Clock) -> LoadResult:
    async def main() -> LoadResult:
        return await run_load(call, load, clock=clock)

    return asyncio.run(main())


@pytest.mark.parametrize("concurrency", [1, 4])
def test_callers_send_as_many_as_asked(concurrency: int) -> None:
    count = peak = 0

    async def call() -> None:
        nonlocal count, peak
        count += 1
        peak = max(peak, count)
        await asyncio.sleep(0)
        count -= 1

    figures = _run(call, LoadProfile(concurrency=concurrency, requests=10), _Clock())
    assert (len(figures.latencies), peak) == (10, concurrency)


def test_callers_stop_when_the_time_is_over() -> None:
    clock = _Clock()

    async def call() -> None:
        clock.now += 0.5

    figures = _run(call, LoadProfile(concurrency=1, seconds=3), clock)
    assert (figures.latencies, figures.seconds) == ([0.5] * 6, 3.0)
    assert figures.as_dict(rows=4)["rows_per_second"] == 8


def test_a_rate_counts_the_time_that_requests_were_late() -> None:
    clock = _Clock()

    async def call() -> None:
        # Each blocks the loop for as long as two requests are apart.
        clock.now += 0.2

    clock.now = 0.0
    figures = _run(call, LoadProfile(rate=10, requests=4), _Ticking(clock))
    assert len(figures.latencies) == 4
    # The first two start on time or nearly; the longer it lasts, the later they are.
    assert figures.latencies == sorted(figures.latencies)
    assert figures.latencies[-1] == pytest.approx(0.2 * 4 - 0.3, abs=0.1)


class _Ticking(_Clock):
    """Moves a little each time it is read, as the loop waits for a due time."""

    def __init__(self, clock: _Clock) -> None:
        self.clock = clock

    def __call__(self) -> float:
        self.clock.now += 1e-4
        return self.clock.now


def test_errors_are_counted_by_status() -> None:
    failures = iter([UnavailableError("full"), None, AnswerError("odd"), UnavailableError("full")])

    async def call() -> None:
        if error := next(failures):
            raise error

    figures = _run(call, LoadProfile(concurrency=1, requests=4), _Clock())
    assert figures.errors == {"UNAVAILABLE": 2, "AnswerError": 1}
    assert len(figures.latencies) == 1
    assert "2 failed: UNAVAILABLE" in figures.as_text()


def test_figures_and_drawing() -> None:
    figures = LoadResult(10.0, [0.001 * n for n in range(1, 1001)])
    values = figures.as_dict()
    assert values["requests_per_second"] == 100
    latency = values["latency_ms"]
    assert (latency["min"], latency["p50"], latency["max"]) == (1.0, 500.5, 1000.0)
    assert latency["p99"] == pytest.approx(990.01)
    assert sum(bar["count"] for bar in values["histogram"]) == 1000
    assert [bar["to_ms"] for bar in values["histogram"][:-1]] == [bar["from_ms"] for bar in values["histogram"][1:]]
    text = figures.as_text()
    assert "1000 requests answered in 10.0 s: 100.0 requests/s" in text
    assert "#" * 40 in text
    assert "#" * 41 not in text


@pytest.mark.parametrize("latencies", [[], [0.0], [0.25], [0.25, 0.25]])
def test_few_figures_are_drawn_too(latencies: list[float]) -> None:
    figures = LoadResult(1.0, latencies)
    assert sum(bar["count"] for bar in figures.as_dict()["histogram"]) == len(latencies)
    assert f"{len(latencies)} requests answered" in figures.as_text()


@pytest.mark.parametrize("settings", [{"concurrency": 0}, {"requests": 0}, {"rate": 0}, {"seconds": -1}])
def test_loads_are_checked(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        LoadProfile(**settings)
