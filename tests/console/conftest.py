from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.site import Site, build_monitor, build_recommend, build_support, model_server, write_models


@pytest.fixture(scope="session")
def ready_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of each task, a customer service, a monitor and a recommender; tests work on copies."""
    home = tmp_path_factory.mktemp("ready")
    write_models(home / "models")
    build_support(home / "support", model_server())
    build_monitor(home / "monitor")
    build_recommend(home / "recommend", model_server())
    return home


@pytest.fixture(scope="module")
def site(ready_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A console on such a folder."""
    made = Site(Path(shutil.copytree(ready_home, tmp_path_factory.mktemp("home") / "shop")))
    with made.browser:
        yield made


@pytest.fixture
def empty_site(tmp_path: Path) -> Iterator[Site]:
    """A console on an empty folder."""
    made = Site(tmp_path)
    with made.browser:
        yield made
