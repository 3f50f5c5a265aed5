"""Turns the signals that end a command into an event."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
    signal_numbers: list[int] = []

    def note(number: int, _frame: Any) -> None:
        if signal_numbers and interrupt:
            raise KeyboardInterrupt
        signal_numbers.append(number)

    # Python calls `note` once the main thread runs Python again, so never where a signal came to another thread, or
    # just before the main thread went to sleep. The wakeup descriptor is written to at once, and a thread waits for
    # that.
    reader, writer = socket.socketpair()
    writer.setblocking(False)

    def set_event() -> None:
        while number := reader.recv(1)[0]:
            if number in former_handlers:
                stop_event.set()

    listener = threading.Thread(target=set_event, name="stop signals", daemon=True)
    former_handlers = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    former_descriptor = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    listener.start()
    try:
        yield stop_event
    finally:
        signal.set_wakeup_fd(former_descriptor)
        for number, handler in former_handlers.items():
            signal.signal(number, handler)
        writer.setblocking(True)
        writer.sendall(b"\0")
        listener.join()
        reader.close()
        writer.close()
