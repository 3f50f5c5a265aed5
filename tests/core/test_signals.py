from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from types import FrameType
from typing import Any

import pytest

from tfapp.core.signals import stop_signals


@contextmanager
def stuck_after(seconds: float) -> Iterator[None]:
    """Breaks off what waits for ever; a hang ends by this alone, however slow the machine is."""

    def fail(*_: Any) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def wait_with_signal_at(line: int) -> bool:
    """Waits for the event, with a signal at that line of what the waiting runs.

    Returns:
        Whether the line was reached; if not, the signal comes when the thread sleeps.
    """
    lines, reached = count(1), False

    def trace(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal reached
        if event == "line" and next(lines) == line:
            reached = True
            signal.raise_signal(signal.SIGTERM)
        return trace

    with stop_signals() as stopped:
        late = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM))
        before = sys.gettrace()
        late.start()
        sys.settrace(trace)
        try:
            stopped.wait()
        finally:
            sys.settrace(before)
            late.cancel()
            late.join()
    return reached


def test_a_signal_at_any_moment_of_the_wait_ends_it() -> None:
    with stuck_after(30):
        reached = next(line for line in count(1) if not wait_with_signal_at(line))
    assert reached > 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_another_thread_gets_ends_the_wait(number: signal.Signals) -> None:
    """The main thread sleeps on, and Python calls no handler until it wakes."""
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    with stuck_after(30), stop_signals() as stopped:
        assert other.ident is not None
        late = threading.Timer(0.1, signal.pthread_kill, (other.ident, number))
        late.start()
        stopped.wait()
        late.join()
    done.set()
    other.join()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_interrupts_where_it_is_asked_to(number: signal.Signals) -> None:
    with stop_signals(interrupt=True) as stopped:
        signal.raise_signal(number)
        stopped.wait()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    with stop_signals() as stopped:
        for _ in range(2):
            signal.raise_signal(number)
        stopped.wait()


def test_handlers_are_put_back_and_no_thread_stays() -> None:
    before, threads = signal.getsignal(signal.SIGTERM), threading.active_count()
    with stop_signals() as stopped:
        assert signal.getsignal(signal.SIGTERM) is not before
    assert (signal.getsignal(signal.SIGTERM), threading.active_count()) == (before, threads)
    assert signal.set_wakeup_fd(-1) == -1
    assert not stopped.is_set()
