"""Turns the signals that end a command into an event."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

__all__ = ["stop_signals"]


@contextmanager
def stop_signals(*, interrupt: bool = False) -> Iterator[threading.Event]:
    """Turns SIGINT and SIGTERM into an event during the block; outside of the main thread it is never set.

    With `interrupt`, a second signal interrupts what still goes on.
    """
    stop_event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop_event
        return
    # A handler runs amid whatever the main thread does, which may be to hold the event's own lock as it begins to wait:
    # what it calls must take none. This queue is made for that.
    signals: SimpleQueue[int | None] = SimpleQueue()
    signal_numbers: list[int] = []

    def note(number: int, _frame: Any) -> None:
        if signal_numbers and interrupt:
            raise KeyboardInterrupt
        signal_numbers.append(number)
        signals.put(number)

    def set_event() -> None:
        if signals.get() is not None:
            stop_event.set()

    teller = threading.Thread(target=set_event, name="stop signals", daemon=True)
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    teller.start()
    try:
        yield stop_event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signals.put(None)
        teller.join()
