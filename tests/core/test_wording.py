from __future__ import annotations

import pytest

from tfapp.core.wording import pluralize


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 epochs"),
        (1, "1 epoch"),
        (2, "2 epochs"),
        (1.0, "1 epoch"),
        (0.5, "0.5 epochs"),
        (1234567, "1234567 epochs"),
    ],
)
def test_one_is_singular(count: float, words: str) -> None:
    assert pluralize(count, "epoch") == words


def test_thousands_are_told_apart() -> None:
    assert [pluralize(count, "row", thousands=True) for count in (1, 1234567)] == ["1 row", "1,234,567 rows"]
