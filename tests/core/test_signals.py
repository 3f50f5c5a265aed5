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

    handler = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


def wait_with_signal_at(line: int) -> bool:
    """Waits for the event, with a signal at that line of what the waiting runs.

    Returns:
        Whether the line was reached; if not, the signal comes when the thread sleeps.
    """
    lines, is_reached = count(1), False

    def trace(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal is_reached
        if event == "line" and next(lines) == line:
            is_reached = True
            signal.raise_signal(signal.SIGTERM)
        return trace

    with stop_signals() as signals:
        timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM))
        old_trace = sys.gettrace()
        timer.start()
        sys.settrace(trace)
        try:
            signals.wait()
        finally:
            sys.settrace(old_trace)
            timer.cancel()
            timer.join()
    return is_reached


def test_a_signal_at_any_moment_of_the_wait_ends_it() -> None:
    with stuck_after(30):
        line = next(line for line in count(1) if not wait_with_signal_at(line))
    assert line > 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_another_thread_gets_ends_the_wait(number: signal.Signals) -> None:
    """The main thread sleeps on, and Python calls no handler until it wakes."""
    release = threading.Event()
    thread = threading.Thread(target=release.wait)
    thread.start()
    with stuck_after(30), stop_signals() as signals:
        assert thread.ident is not None
        timer = threading.Timer(0.1, signal.pthread_kill, (thread.ident, number))
        timer.start()
        signals.wait()
        timer.join()
    release.set()
    thread.join()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_interrupts_where_it_is_asked_to(number: signal.Signals) -> None:
    with stop_signals(interrupt=True) as signals:
        signal.raise_signal(number)
        signals.wait()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    with stop_signals() as signals:
        for _ in range(2):
            signal.raise_signal(number)
        signals.wait()


def test_handlers_are_put_back_and_no_thread_stays() -> None:
    handler, threads = signal.getsignal(signal.SIGTERM), threading.active_count()
    with stop_signals() as signals:
        assert signal.getsignal(signal.SIGTERM) is not handler
    assert (signal.getsignal(signal.SIGTERM), threading.active_count()) == (handler, threads)
    assert signal.set_wakeup_fd(-1) == -1
    assert not signals.is_set()
