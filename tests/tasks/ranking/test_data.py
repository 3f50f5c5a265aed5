"""Pairs: read, cleaned by both texts, split by the query."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp.config import DataSettings
from tfapp.data import Splits, load, load_table
from tfapp.errors import DataError
from tfapp.tasks.ranking.data import as_grade
from tfapp.tasks.registry import find_task

GradedRow = tuple[str, str, Any]


def _save(path: Path, rows: list[GradedRow]) -> str:
    lines = (dict(zip(("query", "candidate", "label"), row, strict=True)) for row in rows)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return str(path)


def _many(queries: int = 60, candidates: int = 4) -> list[GradedRow]:
    return [
        (f"query {q}", f"candidate {q} {c}", int(c == q % candidates))
        for q in range(queries)
        for c in range(candidates)
    ]


def _queries(splits: Splits) -> list[set[str]]:
    return [set(getattr(splits, side)["query"].to_pylist()) for side in ("train", "dev", "test")]


@pytest.mark.parametrize("task", ["ranking", "pair-classification"])
def test_a_query_is_on_one_side_only(tmp_path: Path, task: str) -> None:
    splits = load(DataSettings(train=_save(tmp_path / "a.jsonl", _many())), schema=find_task(task).schema)
    train, dev, test = _queries(splits)
    assert not train & dev | train & test | dev & test
    assert len(train) + len(dev) + len(test) == 60
    assert sum(splits.report.rows.values()) == 240
    assert splits.labels == ("0", "1")
    assert sum(counts["1"] for counts in splits.report.label_counts.values()) == 60
    assert "first query texts of train" in splits._repr_html_()


def test_a_column_may_say_what_belongs_together(tmp_path: Path) -> None:
    rows = [{"query": f"q {n}", "candidate": "c", "label": n % 2, "session": n // 6} for n in range(300)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    splits = load(DataSettings(train=str(tmp_path / "a.jsonl"), group="session"), schema=find_task("ranking").schema)
    sides = [set(getattr(splits, side)["group"].to_pylist()) for side in ("train", "dev", "test")]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 50
    assert (
        splits.fingerprint
        != load(DataSettings(train=str(tmp_path / "a.jsonl")), schema=find_task("ranking").schema).fingerprint
    )


def test_a_row_without_a_group_belongs_to_its_query(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("query,candidate,label,session\nq,a,1,\nq,b,0, \nq,c,0,7\n")
    table = load_table(
        str(tmp_path / "a.csv"),
        DataSettings(train="any", group="session"),
        labels=(),
        schema=find_task("ranking").schema,
    )
    assert table["group"].to_pylist() == ["q", "q", "7"]


def test_both_texts_make_a_duplicate_and_either_may_be_empty(tmp_path: Path) -> None:
    bad_rows: list[GradedRow] = [
        ("query  0", "candidate 0 0", 1),
        ("query 0", "candidate 0 0", 0),
        ("query 0", "candidate 1 0", 0),
        ("query 0 candidate", "0 0", 0),
        (" ", "c", 1),
        ("q", "\u200b", 1),
        ("q", "c", None),
    ]
    splits = load(
        DataSettings(train=_save(tmp_path / "a.jsonl", _many() + bad_rows)), schema=find_task("ranking").schema
    )
    findings = {finding.kind: finding.rows for finding in splits.report.findings}
    assert findings == {
        "empty_text": (245, 246),
        "missing_label": (247,),
        "duplicate": (241,),
        "conflicting_duplicate": (242,),
    }
    messages = [finding.message for finding in splits.report.findings]
    assert "2 rows without a visible character in the query or candidate (lines 245, 246)" in messages[0]
    assert "repeating an earlier pair" in messages[2]


def test_pairs_of_a_given_test_are_not_trained_on(tmp_path: Path) -> None:
    train = _save(tmp_path / "train.jsonl", _many())
    test = _save(tmp_path / "test.jsonl", [("query 1", "candidate 1 1", 1), ("query 1", "new", 0)])
    splits = load(DataSettings(train=train, test=test), schema=find_task("ranking").schema)
    (finding,) = splits.report.findings
    assert (finding.kind, finding.count) == ("overlap", 1)
    assert f"with a pair of {test}" in finding.message


def test_a_file_without_the_second_column_is_named_in_one_line(tmp_path: Path) -> None:
    for name, text in (("a.csv", "query,answer,label\nq,a,1\n"), ("a.tsv", "query\tanswer\tlabel\nq\ta\t1\n")):
        (tmp_path / name).write_text(text)
        with pytest.raises(DataError) as excinfo:
            load(DataSettings(train=str(tmp_path / name)), schema=find_task("ranking").schema)
        assert str(excinfo.value) == (
            f'{tmp_path / name}: no column "candidate" (data.candidate); columns: "query", "answer", "label"; '
            "set data.candidate"
        )
    with pytest.raises(DataError, match=r'no column "qery" \(data\.query\).*did you mean "query"'):
        load(
            DataSettings(train=str(tmp_path / "a.csv"), query="qery", candidate="answer"),
            schema=find_task("ranking").schema,
        )
    with pytest.raises(DataError, match=r'no column "session" \(data\.group\)'):
        load(
            DataSettings(train=str(tmp_path / "a.csv"), group="session", candidate="answer"),
            schema=find_task("ranking").schema,
        )


def test_a_folder_holds_no_pairs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the format folder holds texts, one a file; the task ranking needs a file"):
        load(DataSettings(train=str(tmp_path)), schema=find_task("ranking").schema)


@given(st.floats(0, allow_infinity=False) | st.integers(0, 2**53))
def test_numbers_and_their_texts_are_grades(number: float) -> None:
    assert as_grade(number) == as_grade(repr(number)) == number


@pytest.mark.parametrize("value", [None, "", "  ", float("nan"), "nan"])
def test_what_is_no_grade_at_all_is_missing(value: Any) -> None:
    assert as_grade(value) is None


@pytest.mark.parametrize("value", [-1, "-0.5", "good", [1], "inf", float("inf")])
def test_other_values_are_refused_with_their_row(tmp_path: Path, value: Any) -> None:
    name = _save(tmp_path / "a.jsonl", [*_many(), ("q", "c", value)])
    with pytest.raises(DataError, match=r'line 241: column "label" is no grade: a number of 0 .* or more, got '):
        load(DataSettings(train=name), schema=find_task("ranking").schema)


def test_one_grade_cannot_be_learnt_and_a_side_needs_what_fits(tmp_path: Path) -> None:
    ones = _save(tmp_path / "a.jsonl", [(query, candidate, 1) for query, candidate, _ in _many()])
    with pytest.raises(DataError, match="train has only the grade 1, but a ranker needs at least two"):
        load(DataSettings(train=ones), schema=find_task("ranking").schema)
    file = _save(tmp_path / "b.jsonl", [(query, candidate, int(query == "query 3")) for query, candidate, _ in _many()])
    with pytest.raises(DataError, match=r"(dev|test|train) has (no row with a grade over 0|only the grade 0)"):
        load(DataSettings(train=file), schema=find_task("ranking").schema)


def test_a_split_that_leaves_train_nothing_is_named(tmp_path: Path) -> None:
    name = _save(tmp_path / "a.jsonl", [("one query", str(number), number % 2) for number in range(9)])
    with pytest.raises(DataError, match="train has no row, but a ranker"):
        load(DataSettings(train=name, dev_share=0.01, test_share=0.98), schema=find_task("ranking").schema)


def test_grades_are_counted_while_they_are_few(tmp_path: Path) -> None:
    rows = [(query, candidate, place % 3 / 2) for place, (query, candidate, _) in enumerate(_many())]
    splits = load(DataSettings(train=_save(tmp_path / "a.jsonl", rows)), schema=find_task("ranking").schema)
    assert list(splits.report.label_counts["train"]) == ["0", "0.5", "1"]
    assert splits.labels == ("0", "1")
    rows = [(query, candidate, place / 7) for place, (query, candidate, _) in enumerate(_many())]
    splits = load(DataSettings(train=_save(tmp_path / "b.jsonl", rows)), schema=find_task("ranking").schema)
    assert splits.report.label_counts["train"] == {}


def test_a_table_to_evaluate_on_takes_any_grade(tmp_path: Path) -> None:
    name = _save(tmp_path / "a.jsonl", [("q", "a", 7), ("q", "a", 7), ("q", " ", 1)])
    table = load_table(name, DataSettings(train="any"), labels=(), schema=find_task("ranking").schema)
    assert table["label"].to_pylist() == [7.0, 7.0]
    assert table["group"].to_pylist() == ["q", "q"]
