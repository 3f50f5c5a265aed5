"""Receivers of what sinks send, and a server that hardly answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["PAYLOAD", "dribbling"]

_ALERT = {"headline": "phone:\nnegative share from 20% to 80%", "topic": "phone"}
PAYLOAD = {"event": "opened", "alert": _ALERT, "texts": [{"text": "It ißt bad", "source": "shop", "time": "noon"}]}


@contextmanager
def dribbling(head: bytes) -> Iterator[tuple[str, int]]:
    """A server that answers a byte at a time, each well before any time-out; its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            caller, _ = server.accept()
            with caller:
                try:
                    caller.sendall(head)
                    for _ in range(200):
                        caller.sendall(b"x")
                        stop.wait(0.05)
                except OSError:
                    pass

        stop = threading.Event()
        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[:2]
        stop.set()
        thread.join()
