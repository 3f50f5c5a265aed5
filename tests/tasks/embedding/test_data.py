"""Rows of texts that belong together: nothing labels them; negatives; few rows of a label."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from tests.text_classes import describe, load, load_table
from tfapp.errors import DataError, SettingsError
from tfapp.tasks.embedding.settings import EmbeddingDataSettings
from tfapp.tasks.experiments import parse_experiment
from tfapp.tasks.registry import find_task


def save(file: Path, rows: list[tuple[str, ...]], names: tuple[str, ...] = ("query", "candidate", "other")) -> str:
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([names[: len(rows[0])], *rows])
    return str(file)


def many(count: int = 60) -> list[tuple[str, ...]]:
    return [(f"query {row}", f"candidate {row % 40}", f"other {row}" if row % 2 else "") for row in range(count)]


def settings(name: str, **changes: Any) -> EmbeddingDataSettings:
    return EmbeddingDataSettings(train=name, **changes)


def test_pairs_need_no_label(tmp_path: Path) -> None:
    name = save(tmp_path / "a.csv", [row[:2] for row in many()])
    splits = load(settings(name), schema=find_task("embedding").schema)
    assert splits.labels == ()
    assert sum(side.num_rows for side in (splits.train, splits.dev, splits.test)) == 60
    assert set(splits.train.column_names) == {"query", "candidate", "label", "group", "row", "file"}
    assert splits.report.findings == ()
    page = splits._repr_html_()
    assert "first candidate texts of train" in page
    assert "True" not in page


def test_negatives_are_read_where_they_are_asked_for(tmp_path: Path) -> None:
    name = save(tmp_path / "a.csv", many())
    splits = load(settings(name, negative="other"), schema=find_task("embedding").schema)
    negatives = {row[0]: row[2] for row in many()}
    assert dict(zip(splits.train["query"].to_pylist(), splits.train["negative"].to_pylist(), strict=True)).items() <= (
        negatives.items()
    )
    without = load(settings(name), schema=find_task("embedding").schema)
    assert without.train["query"].to_pylist() == splits.train["query"].to_pylist()
    assert without.fingerprint != splits.fingerprint
    with pytest.raises(DataError, match=r'no column "worse" \(data\.negative\)'):
        load(settings(name, negative="worse"), schema=find_task("embedding").schema)


def test_a_pair_may_come_again_with_another_negative(tmp_path: Path) -> None:
    rows = [*many(), ("query 1", "candidate 1", "another"), ("query 1", "candidate 1", "another")]
    name = save(tmp_path / "a.csv", rows)
    report = load(settings(name, negative="other"), schema=find_task("embedding").schema).report
    assert sum(report.rows.values()) == 61
    assert [(finding.kind, finding.rows) for finding in report.findings] == [("duplicate", (63,))]
    assert sum(load(settings(name), schema=find_task("embedding").schema).report.rows.values()) == 60


def test_what_dev_has_is_not_learnt_whatever_its_negative(tmp_path: Path) -> None:
    train = save(tmp_path / "a.csv", many())
    dev = save(tmp_path / "b.csv", [("query 1", "candidate 1", "x"), many()[2]])
    report = load(settings(train, dev=dev, negative="other", test_share=0), schema=find_task("embedding").schema).report
    assert report.rows == {"train": 58, "dev": 2, "test": 0}


def test_an_empty_side_of_a_pair_is_dropped_and_an_empty_negative_is_not(tmp_path: Path) -> None:
    name = save(tmp_path / "a.csv", [*many(), ("query 99", " ", "x")])
    report = load(settings(name, negative="other"), schema=find_task("embedding").schema).report
    assert [finding.message for finding in report.findings] == [
        f"{name}: 1 row without a visible character in the query or candidate (line 62)"
    ]


def test_one_candidate_cannot_be_told_from_others(tmp_path: Path) -> None:
    name = save(tmp_path / "a.csv", [(f"query {row}", "the same") for row in range(60)])
    with pytest.raises(DataError, match=r"train needs at least two different candidates, it has \d+ rows"):
        load(settings(name), schema=find_task("embedding").schema)
    small_file = save(tmp_path / "b.csv", [("q", "c")])
    with pytest.raises(DataError, match=r"b\.csv: dev needs at least two different candidates, it has 1 row; add"):
        load(settings(save(tmp_path / "c.csv", many()), dev=small_file), schema=find_task("embedding").schema)


def test_other_pairs_are_read_to_evaluate_on(tmp_path: Path) -> None:
    name = save(tmp_path / "a.csv", many())
    table = load_table(name, settings("any", negative="other"), labels=(), schema=find_task("embedding").schema)
    assert table.num_rows == 60
    assert describe(name, settings(name), schema=find_task("embedding").schema).rows == 60


def test_settings_of_labels_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"data\.label is not read by the task embedding"):
        parse_experiment({"name": "x", "task": "embedding", "data": {"train": "x", "label": "fits"}})
    with pytest.raises(SettingsError, match=r"data\.negative is not read by the task ranking"):
        parse_experiment({"name": "x", "task": "ranking", "data": {"train": "x", "negative": "other"}})


def labelled(file: Path) -> str:
    rows = [(f"text {row}", "abc"[row % 3] if row else "a") for row in range(300)]
    return save(file, rows, ("text", "label"))


def test_few_rows_of_each_label_are_learnt_from(tmp_path: Path) -> None:
    name = labelled(tmp_path / "a.csv")
    all_splits, few_splits = load(settings(name)), load(settings(name, per_class=7))
    assert few_splits.report.label_counts["train"] == {"a": 7, "b": 7, "c": 7}
    assert few_splits.test.equals(all_splits.test)
    assert few_splits.dev.equals(all_splits.dev)
    assert set(few_splits.train["text"].to_pylist()) < set(all_splits.train["text"].to_pylist())
    (finding,) = few_splits.report.findings
    assert (finding.kind, finding.count) == ("beyond_per_class", all_splits.train.num_rows - 21)
    assert "of train beyond data.per_class = 7" in finding.message
    assert load(settings(name, per_class=500)).train.equals(all_splits.train)


def test_the_split_seed_draws_them(tmp_path: Path) -> None:
    name = labelled(tmp_path / "a.csv")
    test = save(tmp_path / "b.csv", [("x", "a"), ("y", "b"), ("z", "c")], ("text", "label"))
    draws = [
        set(load(settings(name, test=test, dev_share=0, per_class=7, split_seed=seed)).train["text"].to_pylist())
        for seed in (0, 0, 1)
    ]
    assert draws[0] == draws[1] != draws[2]
    assert len(draws[0] & draws[2]) < 10
