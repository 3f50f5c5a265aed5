from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.site import Site, build_support, model_server, write_models


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A console with a model of each task and a customer service."""
    home, server = tmp_path_factory.mktemp("home"), model_server()
    write_models(home / "models")
    build_support(home / "support", server)
    made = Site(home, server=server)
    with made.browser:
        yield made


@pytest.fixture
def empty_site(tmp_path: Path) -> Iterator[Site]:
    """A console on an empty folder."""
    made = Site(tmp_path)
    with made.browser:
        yield made
