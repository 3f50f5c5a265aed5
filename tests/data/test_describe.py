"""Descriptions of data files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.text_classes import describe
from tfapp.config import DataSettings
from tfapp.data import LengthStats
from tfapp.tasks.registry import find_task


def _save(path: Path, rows: list[tuple[str, object]]) -> str:
    path.write_text(
        "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows), encoding="utf-8"
    )
    return str(path)


def _count_words(texts: Sequence[str]) -> np.ndarray:
    return np.array([len(text.split()) + 2 for text in texts], np.int32)


def test_counts_lengths_and_problems(tmp_path: Path) -> None:
    rows: list[tuple[str, object]] = [
        ("one", "a"),
        ("öne two three", "b"),
        ("one ", "a"),
        ("one", "b"),
        (" ", "a"),
        ("x", None),
        ("y", "rare"),
        ("z z", "b"),
        ("w", "a"),
    ]
    name = _save(tmp_path / "a.jsonl", rows)
    description = describe(name, count_tokens=_count_words, max_length=4)
    assert description.rows == 9
    assert dict(description.labels) == {"a": 4, "b": 3, "rare": 1}
    assert {finding.kind: finding.rows for finding in description.findings} == {
        "empty_text": (5,),
        "missing_label": (6,),
        "duplicate": (3,),
        "conflicting_duplicate": (4,),
        "single_label": (7,),
        "few_rows": (1, 2, 8, 9),
    }
    assert {finding.action for finding in description.findings} == {"kept"}
    assert description.count("duplicate") == 1
    assert description.characters.max == 13
    assert description.tokens is not None
    assert (description.tokens.max, description.tokens.over_limit) == (5, pytest.approx(1 / 9))
    assert json.loads(json.dumps(description.to_dict()))["labels"]["a"] == {"rows": 4, "share": 4 / 9}
    assert "<td>rare</td>" in description._repr_html_()


def test_without_a_token_counter(tmp_path: Path) -> None:
    name = _save(tmp_path / "a.jsonl", [("a", "x"), ("b", "y")])
    assert describe(name).to_dict()["tokens"] is None


def test_lists_of_labels_are_seen(tmp_path: Path) -> None:
    name = _save(tmp_path / "a.jsonl", [("a", None), ("b", ["x", "y"]), ("c", ["x"])])
    assert dict(describe(name).labels) == {"x": 2, "y": 1}
    (tmp_path / "a.csv").write_text("text,label\na,x|y\nb,x\n")
    settings = DataSettings(train="any", label_separator="|")
    assert dict(describe(str(tmp_path / "a.csv"), settings).labels) == {"x": 2, "y": 1}


def test_length_stats() -> None:
    stats = LengthStats.of(np.arange(1, 101), 90)
    assert (stats.mean, stats.median, stats.max, stats.over_limit) == (50.5, 50.5, 100, 0.1)
    assert stats.p95 == pytest.approx(95.05)
    assert LengthStats.of(np.zeros(0, int), 5).over_limit == 0.0


def test_pairs_are_described_as_one(tmp_path: Path) -> None:
    rows = [("one two", "three", 1), ("one two", "three", 0), ("one", " ", 0), ("four", "five", 0.5)]
    lines = (
        json.dumps({"query": query, "candidate": candidate, "label": grade}) + "\n" for query, candidate, grade in rows
    )
    (tmp_path / "a.jsonl").write_text("".join(lines))
    description = describe(
        str(tmp_path / "a.jsonl"), schema=find_task("ranking").schema, count_tokens=_count_words, max_length=5
    )
    assert dict(description.labels) == {"0": 2, "0.5": 1, "1": 1}
    assert {finding.kind: finding.rows for finding in description.findings} == {
        "empty_text": (3,),
        "conflicting_duplicate": (2,),
    }
    assert description.characters.max == 12
    # Both texts with [CLS], [SEP] and [SEP].
    assert description.tokens is not None
    assert (description.tokens.max, description.tokens.over_limit) == (6, 0.5)
