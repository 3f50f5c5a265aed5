"""Sides that were cut too small get rows of the others, with the rest of their groups."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp.config import DataSettings
from tfapp.data.cleaning import Rows
from tfapp.data.split_filling import fill_splits

SCHEMA = pa.schema({"text": pa.string(), "label": pa.int64(), "row": pa.int64(), "group": pa.string()})
SETTINGS = DataSettings(train="a.csv")


def make(numbers: dict[int, str]) -> Rows:
    """Rows by number, each with its group."""
    columns: dict[str, Any] = {
        "text": [f"text {number}" for number in numbers],
        "label": [number % 2 for number in numbers],
    }
    columns |= {"row": list(numbers), "group": list(numbers.values())}
    return Rows.of("a.csv", pa.table(columns, schema=SCHEMA))


def numbers(rows: Rows) -> list[int]:
    return list(rows.table["row"].to_pylist())


def has_odd(_side: str, rows: Rows) -> bool:
    return any(rows.table["label"].to_pylist())


def test_a_group_that_is_enough_is_moved_whole_and_told() -> None:
    sides = {"train": make({2: "a", 4: "b", 5: "c", 6: "c", 7: "d"}), "dev": make({1: "e"}), "test": make({8: "f"})}
    findings = fill_splits(sides, sides, SETTINGS, has_odd)
    assert findings == []
    (finding,) = fill_splits(sides, {"train": sides["train"]}, SETTINGS, has_odd)
    group = {"c": [5, 6, 8], "d": [7, 8]}["c" if finding.count == 2 else "d"]
    assert numbers(sides["test"]) == group
    assert numbers(sides["train"]) == [number for number in (2, 4, 5, 6, 7) if number not in group]
    assert numbers(sides["dev"]) == [1]
    assert (finding.kind, finding.action) == ("empty_split", "moved")
    assert finding.message.startswith(f"a.csv: {finding.count} row")
    assert "moved from train to test, which had too few to learn from or to evaluate on" in finding.message


def test_train_comes_first_and_takes_several_groups_where_one_is_not_enough() -> None:
    def suffices(side: str, rows: Rows) -> bool:
        return len(rows) >= (3 if side == "train" else 1)

    sides = {"train": make({1: "a"}), "dev": make({2: "b", 3: "c", 4: "d", 5: "e"}), "test": make({})}
    fill_splits(sides, {"train": sides["train"]}, SETTINGS, suffices)
    assert {side: len(rows) for side, rows in sides.items()} == {"train": 3, "dev": 1, "test": 1}


def test_where_none_has_rows_to_give_all_stays() -> None:
    sides = {"train": make({1: "a", 2: "b"}), "dev": make({4: "c"}), "test": make({})}
    copy = dict(sides)
    assert fill_splits(sides, {"train": sides["train"]}, SETTINGS, has_odd) == []
    assert sides == copy
    # A side of no share needs no row.
    settings = SETTINGS.model_copy(update={"dev_share": 0.0, "test_share": 0.0})
    assert fill_splits(sides, {"train": sides["train"]}, settings, has_odd) == []


@given(st.dictionaries(st.integers(0, 60), st.tuples(st.sampled_from("abcdef"), st.sampled_from(["train", "dev"]))))
def test_no_row_is_lost_and_no_group_is_parted(rows_by_number: dict[int, tuple[str, str]]) -> None:
    side_of = dict(rows_by_number.values())
    parts = {
        side: make({number: group for number, (group, _) in sorted(rows_by_number.items()) if side_of[group] == side})
        for side in ("train", "dev", "test")
    }
    enough = {side: has_odd(side, rows) for side, rows in parts.items()}
    sides = dict(parts)
    fill_splits(sides, {"train": sides["train"]}, SETTINGS, has_odd)
    assert sorted(number for rows in sides.values() for number in numbers(rows)) == sorted(rows_by_number)
    groups = [set(rows.table["group"].to_pylist()) for rows in sides.values()]
    assert sum(map(len, groups)) == len(set().union(*groups))
    # What sufficed still does.
    assert all(has_odd(side, sides[side]) for side in sides if enough[side])
    odd_groups = {group for number, (group, _) in rows_by_number.items() if number % 2}
    if len(odd_groups) >= 3:
        assert all(has_odd(side, rows) for side, rows in sides.items())


@pytest.mark.parametrize("seed", range(3))
def test_what_is_moved_depends_on_texts_and_seed_alone(seed: int) -> None:
    settings = SETTINGS.model_copy(update={"split_seed": seed})
    splits = []
    for order in (range(1, 20), range(19, 0, -1)):
        sides = {"train": make({number: f"g{number}" for number in order}), "dev": make({}), "test": make({})}
        fill_splits(sides, {"train": sides["train"]}, settings, has_odd)
        splits.append((numbers(sides["dev"]), numbers(sides["test"])))
    assert splits[0] == splits[1]
