"""A console on a port of this machine, and the browser that looks at it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, sync_playwright

from tests.console_site import Site
from tests.processes import wait_until
from tfapp.console.console_server import listen

__all__ = ["SCREENSHOTS", "running_browser", "running_console"]

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Runs a browser during the block; where none is installed, the test is skipped and says so."""
    program = next((path for path in map(shutil.which, _PROGRAMS) if path), None)
    if program is None:
        pytest.skip("no browser is installed (Debian: apt-get install chromium), so the console was not looked at")
    with sync_playwright() as playwright:
        # A container's root may not use the browser's own sandbox; the pages are ours.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def running_console(site: Site) -> Iterator[str]:
    """Serves a console while the block runs; gives its address."""
    listener = listen(site.access)
    server = uvicorn.Server(uvicorn.Config(site.app, log_config=None, ws="none", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://localhost:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
