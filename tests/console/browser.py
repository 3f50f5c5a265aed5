"""A console on a port of this machine, and the browser that looks at it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from tests.console_site import Site
from tests.processes import wait_until
from tfapp.console.console_server import listen

__all__ = ["SCREENSHOTS", "find_browser", "running_console"]

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def find_browser() -> str | None:
    """The browser's program; None where none is installed."""
    return next((found for found in map(shutil.which, _PROGRAMS) if found), None)


@contextmanager
def running_console(site: Site) -> Iterator[str]:
    """Serves a console while the block runs; gives its address."""
    listening = listen(site.access)
    server = uvicorn.Server(uvicorn.Config(site.app, log_config=None, ws="none", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://localhost:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
