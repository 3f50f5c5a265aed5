from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console_site import PASSWORD, Site, empty_site, ready_home, site, write_models
from tfapp.web.access import Access

__all__ = ["LoginClock", "clock", "empty_site", "locked_site", "ready_home", "site"]


class LoginClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> LoginClock:
    return LoginClock()


@pytest.fixture
def locked_site(tmp_path: Path, clock: LoginClock) -> Iterator[Site]:
    """A console that asks for a password."""
    write_models(tmp_path / "models")
    access = Access("0.0.0.0", password=PASSWORD, names=("console.example",))
    console = Site(tmp_path, access=access, ticks=clock)
    with console.browser:
        yield console
