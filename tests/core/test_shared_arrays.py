"""Arrays that are computed once for all that depend on the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tfapp.core.shared_arrays import SharedArrays


class Count:
    """Computes arrays, and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> tuple[np.ndarray, ...]:
        self.calls += 1
        return np.arange(self.calls, 5, dtype=np.int32), np.float32([[0.5, np.nan]])


@pytest.fixture
def open_shared(tmp_path: Path) -> Callable[[str], SharedArrays]:
    """Opens the folder as a process does that has drafts of its own."""

    def open_as(process: str) -> SharedArrays:
        (tmp_path / process).mkdir(exist_ok=True)
        return SharedArrays(tmp_path / "shared", tmp_path / process)

    return open_as


def test_what_depends_on_the_same_is_computed_once(open_shared: Callable[[str], SharedArrays]) -> None:
    compute = Count()
    first = open_shared("one").get("ids", ["a", b"b"], compute)
    repeats = open_shared("two").get("ids", [b"a", "b"], compute)
    assert compute.calls == 1
    for array, repeat in zip(first, repeats, strict=True):
        np.testing.assert_array_equal(array, repeat)
        assert array.dtype == repeat.dtype


@pytest.mark.parametrize("other_texts", [["ab"], ["a", "b", ""], ["b", "a"], ["a", "c"]])
def test_what_depends_on_something_else_is_computed_anew(
    other_texts: list[str], open_shared: Callable[[str], SharedArrays]
) -> None:
    compute, arrays = Count(), open_shared("one")
    arrays.get("ids", ["a", "b"], compute)
    arrays.get("ids", other_texts, compute)
    arrays.get("vectors", ["a", "b"], compute)
    assert compute.calls == 3


def test_a_damaged_file_is_computed_anew_and_drafts_are_in_nobodys_way(
    open_shared: Callable[[str], SharedArrays],
) -> None:
    compute, arrays = Count(), open_shared("one")
    arrays.get("ids", ["a"], compute)
    (file,) = arrays.folder.iterdir()
    file.write_bytes(file.read_bytes()[:40])
    arrays.get("ids", ["a"], compute)
    assert compute.calls == 2
    assert list(arrays.folder.iterdir()) == [file]
    assert not list(arrays.drafts.iterdir())


def test_the_disk_is_not_filled(open_shared: Callable[[str], SharedArrays]) -> None:
    compute, arrays = Count(), open_shared("one")
    for number in range(20):
        arrays.get("ids", [str(number)], compute)
    assert len(list(arrays.folder.iterdir())) == 8
    arrays.get("ids", ["19"], compute)
    assert compute.calls == 20
