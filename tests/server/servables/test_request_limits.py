from __future__ import annotations

import threading
from collections.abc import Callable

import grpc
import pytest

from tfapp.server.fair_budget import FairBudget
from tfapp.server.request_context import RequestContext
from tfapp.server.request_errors import RequestError
from tfapp.server.servables.request_limits import RequestLimits, count_rows


@pytest.mark.parametrize(
    ("shape", "expected", "strings", "rows"),
    [
        ((7,), (None,), True, 7),
        ((4096, 512), (None, None), False, 4096),
        ((4096, 512), (None, 512), False, 4096),
        # Another rank than the signature's.
        ((), (None,), True, 1),
        ((7, 3, 2), (None,), True, 42),
        ((1, 7), (None,), False, 7),
        # Any rank: numbers may be one picture, strings are texts.
        ((224, 224, 3), None, False, 224),
        ((10, 20), None, True, 200),
        ((0, 1 << 62), (None,), True, 0),
    ],
)
def test_rows_of_an_input(
    shape: tuple[int, ...], expected: tuple[int | None, ...] | None, strings: bool, rows: int
) -> None:
    assert count_rows(shape, expected, strings=strings) == rows


class _Runs:
    """Requests that run until they are told to end, each in a thread of its own."""

    def __init__(self, limits: RequestLimits | FairBudget) -> None:
        self._turn = limits.turn if isinstance(limits, RequestLimits) else limits.take
        self._threads: dict[str, threading.Thread] = {}
        self._ends: dict[str, threading.Event] = {}
        self._entered = threading.Condition()
        self.entered: list[str] = []
        self.refused: dict[str, RequestError] = {}

    def start(self, name: str, rows: int, context: RequestContext | None = None) -> None:
        self._ends[name] = threading.Event()
        self._threads[name] = threading.Thread(target=self._run, args=(name, rows, context or RequestContext()))
        self._threads[name].start()

    def wait_for(self, *names: str) -> None:
        with self._entered:
            assert self._entered.wait_for(lambda: self.entered == list(names), 60), self.entered

    def end(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()
            self._threads[name].join(60)
            assert not self._threads[name].is_alive()

    def _run(self, name: str, rows: int, context: RequestContext) -> None:
        try:
            with self._turn(rows, context):
                with self._entered:
                    self.entered.append(name)
                    self._entered.notify_all()
                assert self._ends[name].wait(60)
        except RequestError as error:
            self.refused[name] = error


def _queue_length(budget: FairBudget) -> int:
    return sum(queue.size for queue in budget._queues.values())


def test_what_finds_no_room_waits_first_come_first_served() -> None:
    budget = FairBudget(10)
    runs = _Runs(budget)
    runs.start("a", 6)
    runs.wait_for("a")
    runs.start("larger than all", 100)
    _until(lambda: _queue_length(budget) == 1)
    runs.start("would fit", 1)
    _until(lambda: _queue_length(budget) == 2)
    assert runs.entered == ["a"]
    runs.end("a")
    runs.wait_for("a", "larger than all")
    runs.end("larger than all")
    runs.wait_for("a", "larger than all", "would fit")
    runs.end("would fit")
    assert budget._free == 10


def test_who_leaves_or_has_no_time_left_makes_room_for_the_next() -> None:
    budget = FairBudget(10)
    runs = _Runs(budget)
    runs.start("a", 10)
    runs.wait_for("a")
    context = RequestContext()
    runs.start("gone", 5, context)
    _until(lambda: _queue_length(budget) == 1)
    context.cancel()
    runs.end("gone")
    runs.start("late", 5, RequestContext(0.01))
    runs.end("late")
    assert {name: error.code for name, error in runs.refused.items()} == {
        "gone": grpc.StatusCode.CANCELLED,
        "late": grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
    runs.start("b", 10)
    runs.end("a")
    runs.wait_for("a", "b")
    runs.end("b")


@pytest.mark.parametrize(
    ("rows", "order"),
    [
        # Many large runs keep a small one waiting for one of them at most ...
        ({"large 1": 8, "large 2": 8, "large 3": 8, "small": 3}, ["small", "large 1", "large 2", "large 3"]),
        # ... and many small ones a large one for about as many rows as it has.
        ({"1": 5, "2": 5, "3": 5, "large": 8, "4": 5, "5": 5}, ["1", "2", "large", "3", "4", "5"]),
    ],
)
def test_sizes_take_turns(rows: dict[str, int], order: list[str]) -> None:
    budget = FairBudget(8)
    runs = _Runs(budget)
    runs.start("first", 8)
    runs.wait_for("first")
    for number, name in enumerate(rows, start=1):
        runs.start(name, rows[name])
        _until(lambda number=number: _queue_length(budget) == number)  # type: ignore[misc]
        runs._ends[name].set()
    runs.end("first", *rows)
    assert runs.entered == ["first", *order]
    assert budget._free == 8


def test_callers_take_turns() -> None:
    """One with many requests keeps another waiting for one of them."""
    budget = FairBudget(8)
    runs = _Runs(budget)
    runs.start("first", 8)
    runs.wait_for("first")
    connections = {"1": "ipv4:10.0.0.1:5", "2": "ipv4:10.0.0.1:5", "3": "ipv4:10.0.0.1:5", "other": "ipv4:10.0.0.1:6"}
    for number, (name, connection) in enumerate(connections.items(), start=1):
        runs.start(name, 8, RequestContext(connection=connection))
        _until(lambda number=number: _queue_length(budget) == number)  # type: ignore[misc]
        runs._ends[name].set()
    runs.end("first", *connections)
    assert runs.entered == ["first", "1", "other", "2", "3"]
    assert _queue_length(budget) == 0


def test_who_leaves_from_the_middle_holds_nobody_up() -> None:
    budget = FairBudget(8)
    runs = _Runs(budget)
    runs.start("first", 8)
    runs.wait_for("first")
    contexts = {name: RequestContext() for name in ("a", "gone", "b")}
    for number, (name, context) in enumerate(contexts.items(), start=1):
        runs.start(name, 8, context)
        _until(lambda number=number: _queue_length(budget) == number)  # type: ignore[misc]
        runs._ends[name].set()
    contexts["gone"].cancel()
    runs.end("gone", "first", "a", "b")
    assert runs.entered == ["first", "a", "b"]
    assert (budget._free, _queue_length(budget)) == (8, 0)


def test_a_large_run_keeps_no_small_one_waiting() -> None:
    runs = _Runs(RequestLimits(65_536))
    runs.start("large", 65_536)
    runs.wait_for("large")
    runs.start("small", 4096)
    runs.wait_for("large", "small")
    runs.end("small", "large")


def _until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(60_000):
        if condition():
            return
        pause.wait(0.001)
    raise AssertionError
