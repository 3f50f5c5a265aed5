from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tfapp.apps.shared.store import Store


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Store]:
    """A store in a file: what depends on no database in particular need not be tried on both."""
    with Store.open(tmp_path / "store.sqlite") as database:
        yield database
