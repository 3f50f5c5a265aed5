"""Calls that keep the server waiting are ended: at once all that are old, or as far as a bound asks for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tfapp.server.grpc.silent_call_watchdog import SilentCallWatchdog
from tfapp.server.grpc.waiting_call_bound import WaitingCallBound

_MANY = 32


class _PeerCall:
    """A call of a connection."""

    def __init__(self, connection: str) -> None:
        self._connection = connection
        self.cancelled = False

    def peer(self) -> str:
        return self._connection

    def cancel(self) -> None:
        self.cancelled = True


class _Timers:
    """Timers that the test sets off."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.now = 0.0
        self._due: list[Callable[[], None]] = []

    def __call__(self, seconds: float, work: Callable[[], None]) -> Any:
        self.seconds.append(seconds)
        self._due.append(work)
        return self

    def start(self) -> None:
        """Does nothing: the timer is set off by `fire`."""

    def cancel(self) -> None:
        self._due.clear()

    def fire(self) -> None:
        work = self._due.pop()
        self.now += self.seconds[-1]
        work()

    @property
    def timer_count(self) -> int:
        return len(self._due)


@pytest.fixture
def timers() -> _Timers:
    return _Timers()


def _calls(timers: _Timers, seconds: float = 1.0, **options: Any) -> SilentCallWatchdog:
    return SilentCallWatchdog("the limit", seconds, make_timer=timers, ticks=lambda: timers.now, **options)


def _bound() -> WaitingCallBound:
    return WaitingCallBound(_MANY, received=dict)


def _add(calls: SilentCallWatchdog, connections: list[str]) -> list[_PeerCall]:
    new_calls = [_PeerCall(name) for name in connections]
    for call in new_calls:
        calls.add(call)  # type: ignore[arg-type]
    return new_calls


def test_old_calls_go_where_there_are_too_many(timers: _Timers) -> None:
    calls = _calls(timers, bound=_bound())
    old_calls = _add(calls, ["silent"] * _MANY)
    new_calls = _add(calls, ["silent"] * _MANY)
    timers.fire()
    assert all(call.cancelled for call in old_calls)
    assert not any(call.cancelled for call in new_calls)


def test_few_calls_wait_for_ever(timers: _Timers) -> None:
    _add(_calls(timers, bound=_bound()), ["silent"] * (_MANY - 1))
    assert timers.timer_count == 0


def test_who_came_after_the_last_look_is_looked_at_next_time(timers: _Timers, caplog: pytest.LogCaptureFixture) -> None:
    calls = _calls(timers, 300)
    (early_call,) = _add(calls, ["a"])
    (late_call,) = _add(calls, ["a"])
    timers.fire()
    assert (early_call.cancelled, late_call.cancelled) == (True, False)
    timers.fire()
    assert late_call.cancelled
    assert [record.message for record in caplog.records] == ["the limit: ended 1 calls, the first of a"] * 2
    assert timers.seconds == [300, 300]
    assert timers.timer_count == 0


def test_a_message_that_has_come_saves_its_call(timers: _Timers) -> None:
    calls, call = _calls(timers), _PeerCall("a")
    with calls.watch(call):  # type: ignore[arg-type]
        assert timers.timer_count == 1
    timers.fire()
    assert not call.cancelled


def test_the_longer_they_are_many_the_shorter_they_may_wait(timers: _Timers) -> None:
    calls = _calls(timers, bound=_bound(), least_seconds=0.1)
    for _ in range(6):
        _add(calls, ["silent"] * _MANY)
        timers.fire()
    assert timers.seconds == [1, 0.5, 0.25, 0.125, 0.1, 0.1]
    timers.now += 1
    _add(calls, ["silent"] * _MANY)
    assert timers.seconds[-1] == 1


def test_nothing_is_cancelled_once_it_is_closed(timers: _Timers) -> None:
    calls = _calls(timers)
    _add(calls, ["a"])
    calls.close()
    _add(calls, ["a"])
    assert timers.timer_count == 0
