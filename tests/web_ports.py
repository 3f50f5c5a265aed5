"""A web port that serves an application of a test, with the limits of its gate."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from tfapp.core.connections import ConnectionGate
from tfapp.core.ports import open_port
from tfapp.core.web_server import WebLoop, web_config

__all__ = ["web_port"]


@contextmanager
def web_port(gate: ConnectionGate, app: Any) -> Iterator[int]:
    """Serves an ASGI application in a thread, and yields the port."""
    listener = open_port("127.0.0.1", 0, backlog=512, gate=gate)
    server = uvicorn.Server(web_config(app, gate, lifespan="off", timeout_graceful_shutdown=1))

    def serve() -> None:
        with asyncio.Runner(loop_factory=WebLoop) as runner:
            runner.run(server.serve([listener]))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()
