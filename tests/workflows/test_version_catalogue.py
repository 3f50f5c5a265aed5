from __future__ import annotations

from tfapp.workflows.version_catalogue import changed_entries


def test_changed_entries() -> None:
    assert changed_entries({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 5, "d": 4}) == {
        "b": [2, 5],
        "c": [3, None],
        "d": [None, 4],
    }
