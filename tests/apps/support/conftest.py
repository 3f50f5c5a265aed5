from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apps.support.service import Service
from tfapp.apps.shared.store import Store


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A customer service that knows a few things; on SQLite."""
    with Store.open(tmp_path / "store.sqlite") as store:
        support = Service(store, tmp_path / "home")
        support.build()
        yield support
