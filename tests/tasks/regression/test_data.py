"""Numbers: read, refused with their row, counted, standardised by what train says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp.config import DataSettings
from tfapp.data import load, load_table
from tfapp.data.labels import as_number
from tfapp.errors import DataError
from tfapp.tasks.registry import find_task

SCHEMA = find_task("regression").schema
PAIRS = find_task("pair-regression").schema


def _save(path: Path, labels: list[Any]) -> str:
    rows = [
        {"text": f"text {n}", "query": f"q {n // 4}", "candidate": f"c {n}", "label": v} for n, v in enumerate(labels)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


@given(st.floats(-1e30, 1e30) | st.integers(-(2**53), 2**53))
def test_numbers_and_their_texts_are_read(number: float) -> None:
    assert as_number(number) == as_number(repr(number)) == as_number(f" {number!r}\n") == number


@pytest.mark.parametrize("value", [None, "", " \t", float("nan"), "nan", "NaN"])
def test_what_is_no_number_at_all_is_missing(value: Any) -> None:
    assert as_number(value) is None


@pytest.mark.parametrize("value", ["high", [1], {"a": 1}, True, "inf", -float("inf"), 1e39, 10**400, "3 4", "1.5 €"])
def test_other_values_are_refused_with_their_row(tmp_path: Path, value: Any) -> None:
    name = _save(tmp_path / "a.jsonl", [*range(60), value])
    with pytest.raises(DataError, match=r'line 61: column "label" is no finite number, got '):
        load(DataSettings(train=name), schema=SCHEMA)


@pytest.mark.parametrize("value", ["3,14", "-0,5", "1,234.5", "1.234,50", "1,000,000"])
def test_commas_are_refused_with_the_way_out(tmp_path: Path, value: str) -> None:
    name = _save(tmp_path / "a.jsonl", [*range(60), value])
    with pytest.raises(
        DataError, match=r"line 61: .* has a comma in a number; write 1234\.5, with a point for the deci"
    ):
        load(DataSettings(train=name), schema=SCHEMA)


def test_rows_without_a_number_are_dropped_and_counted(tmp_path: Path) -> None:
    name = _save(tmp_path / "a.jsonl", [*range(60), None, "", float("nan")])
    (finding,) = load(DataSettings(train=name), schema=SCHEMA).report.findings
    assert (finding.kind, finding.count, finding.rows) == ("missing_label", 3, (61, 62, 63))
    with pytest.raises(DataError, match="3 rows without a label"):
        load(DataSettings(train=name, on_missing_label="fail"), schema=SCHEMA)


def test_the_mean_and_deviation_of_train_are_known(tmp_path: Path) -> None:
    splits = load(DataSettings(train=_save(tmp_path / "a.jsonl", [n / 7 - 3 for n in range(90)])), schema=SCHEMA)
    numbers = np.array(splits.train["label"].to_pylist())
    assert tuple(map(float, splits.labels)) == pytest.approx((numbers.mean(), numbers.std()), rel=1e-12)
    assert splits.dev.num_rows
    assert splits.test.num_rows
    assert 45 < len(numbers) < 90
    # Many distinct numbers are not counted one by one.
    assert set(map(len, splits.report.label_counts.values())) == {0}


def test_few_distinct_numbers_are_counted(tmp_path: Path) -> None:
    splits = load(DataSettings(train=_save(tmp_path / "a.jsonl", [-1, 2.5] * 50)), schema=SCHEMA)
    counts = splits.report.label_counts
    assert list(counts["train"]) == ["-1", "2.5"]
    assert sum(sum(group.values()) for group in counts.values()) == 100


def test_the_pairs_of_a_query_are_on_one_side(tmp_path: Path) -> None:
    splits = load(DataSettings(train=_save(tmp_path / "a.jsonl", list(range(200)))), schema=PAIRS)
    train, test = (set(getattr(splits, side)["query"].to_pylist()) for side in ("train", "test"))
    assert train
    assert test
    assert not train & test


def test_equal_numbers_cannot_be_learnt_and_a_split_needs_rows(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train has only the number 7, but a regression needs different numbers"):
        load(DataSettings(train=_save(tmp_path / "a.jsonl", [7] * 60)), schema=SCHEMA)
    shares = {"dev_share": 0.01, "test_share": 0.0}
    with pytest.raises(DataError, match=r"dev has no row; set another data.split_seed than 0, add rows, or give"):
        load(DataSettings(train=_save(tmp_path / "b.jsonl", [1, 2]), **shares), schema=SCHEMA)
    splits = load(DataSettings(train=_save(tmp_path / "c.jsonl", [1, 2, 3]), **shares), schema=SCHEMA)
    assert splits.report.rows == {"train": 2, "dev": 1, "test": 0}
    assert "moved from train to dev, which had too few" in splits.report.findings[0].message
    # To be evaluated, they are as good as others.
    table = load_table(str(tmp_path / "a.jsonl"), DataSettings(train="any"), labels=(), schema=SCHEMA)
    assert table.num_rows == 60
