"""Scoring files: answers beside the columns, the same bytes after any interruption."""

from __future__ import annotations

import csv
import datetime
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfapp.data import score_file
from tfapp.data.answer_format import ClassAnswerFormat
from tfapp.errors import DataError

LABELS = ("even", "odd")


def predict(texts: Sequence[str]) -> dict[str, np.ndarray]:
    """Labels a text by the parity of its length."""
    is_odd = np.array([len(text) % 2 for text in texts])
    scores = np.array([1 / (3 + len(text)) for text in texts], np.float32)
    table = np.where(is_odd[:, None] == [0, 1], 1 - scores[:, None], scores[:, None])
    return {"label": np.array(LABELS, object)[is_odd], "score": table.max(axis=1), "probabilities": table}


class _Killed(BaseException):
    pass


def _killed_at(call: int) -> tuple[Callable[[Sequence[str]], dict[str, np.ndarray]], list[int]]:
    sizes: list[int] = []

    def answer(texts: Sequence[str]) -> dict[str, np.ndarray]:
        if len(sizes) == call:
            raise _Killed
        sizes.append(len(texts))
        return predict(texts)

    return answer, sizes


def _table(rows: int = 10) -> pa.Table:
    texts = [None if index == 3 else 'te"xt, \n' * (index % 4) for index in range(rows)]
    return pa.table(
        {"id": pa.array(range(rows), pa.int16()), "text": texts, "more": [[index] for index in range(rows)]}
    )


def _source(folder: Path, suffix: str) -> Path:
    file = folder / f"in{suffix}"
    rows = _table().to_pylist()
    if suffix == ".parquet":
        pq.write_table(_table(), file)
    elif suffix == ".jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        with file.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([("id", "text", "more"), *(row.values() for row in rows)])
    return file


def _score(source: Path, target: Path, answer: Any = predict, **options: Any) -> int:
    return score_file(
        source, target, answer, **{"batch_rows": 3, "labels": LABELS, "answer_format": ClassAnswerFormat(), **options}
    )


def _read(file: Path) -> list[dict[str, Any]]:
    if file.suffix == ".parquet":
        return pq.read_table(file).to_pylist()
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("suffix_in", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("suffix_out", [".csv", ".jsonl", ".parquet"])
def test_every_row_is_answered_in_place(tmp_path: Path, suffix_in: str, suffix_out: str) -> None:
    source, target = _source(tmp_path, suffix_in), tmp_path / f"out{suffix_out}"
    assert _score(source, target) == 10
    rows = _read(target)
    expected = predict([text or "" for text in _table()["text"].to_pylist()])
    assert [row["predicted_label"] for row in rows] == list(expected["label"])
    assert [float(row["predicted_score"]) for row in rows] == pytest.approx(expected["score"], abs=1e-6)
    assert [float(row["probability.odd"]) for row in rows] == pytest.approx(expected["probabilities"][:, 1], abs=1e-6)
    assert [str(row["id"]) for row in rows] == [str(index) for index in range(10)]
    assert list(rows[0]) == [
        "id",
        "text",
        "more",
        "predicted_label",
        "predicted_score",
        *(f"probability.{x}" for x in LABELS),
    ]
    assert not (tmp_path / f"out{suffix_out}.parts").exists()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("call", [0, 1, 2, 3])
def test_a_killed_run_resumes_to_the_same_bytes(tmp_path: Path, suffix: str, call: int) -> None:
    source = _source(tmp_path, suffix)
    reference, target = tmp_path / f"whole{suffix}", tmp_path / f"out{suffix}"
    _score(source, reference)
    answer, _ = _killed_at(call)
    with pytest.raises(_Killed):
        _score(source, target, answer)
    assert not target.exists()
    second_scorer, sizes = _killed_at(99)
    assert _score(source, target, second_scorer) == 10
    assert target.read_bytes() == reference.read_bytes()
    assert sum(sizes) == 10 - 3 * call


def test_a_run_killed_between_rename_and_removal_of_parts_resumes(tmp_path: Path) -> None:
    source, target = _source(tmp_path, ".csv"), tmp_path / "out.csv"
    answer, _ = _killed_at(3)
    with pytest.raises(_Killed):
        _score(source, target, answer)
    (tmp_path / "out.csv.parts" / ".123.00000003").write_bytes(b"half a par")
    target.write_text("from before")
    assert _score(source, target) == 10
    assert len(_read(target)) == 10


@pytest.mark.parametrize(
    "options", [{"identity": "other"}, {"labels": ()}, {"batch_rows": 2}, {"resume": False}, {"text": "id"}]
)
def test_another_model_or_setting_starts_over(tmp_path: Path, options: dict[str, Any]) -> None:
    source, target = _source(tmp_path, ".csv"), tmp_path / "out.csv"
    answer, _ = _killed_at(2)
    with pytest.raises(_Killed):
        _score(source, target, answer)
    second_scorer, sizes = _killed_at(99)
    _score(source, target, second_scorer, **options)
    assert sum(sizes) == 10


def test_a_changed_input_starts_over(tmp_path: Path) -> None:
    source, target = _source(tmp_path, ".csv"), tmp_path / "out.csv"
    answer, _ = _killed_at(2)
    with pytest.raises(_Killed):
        _score(source, target, answer)
    state = source.stat()
    source.write_bytes(source.read_bytes().replace(b'te"', b'ta"'))
    os.utime(source, ns=(state.st_atime_ns, state.st_mtime_ns))
    second_scorer, sizes = _killed_at(99)
    _score(source, target, second_scorer)
    assert sum(sizes) == 10
    assert "ta" in _read(target)[1]["text"]


def test_jsonl_objects_stay_as_they_are(tmp_path: Path) -> None:
    lines = [
        '{"text": "a", "n": 1, "m": 12345678901234567890123}',
        '{"n": 1.5, "d": {"x": []}}',
        '{"text": "\\ud800é"}',
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("\n".join(lines), encoding="utf-8")
    _score(source, tmp_path / "out.jsonl", batch_rows=2, labels=())
    answers = {"predicted_label", "predicted_score"}
    objects = [
        {name: value for name, value in row.items() if name not in answers} for row in _read(tmp_path / "out.jsonl")
    ]
    assert objects == [json.loads(line) for line in lines]


def test_parquet_types_are_kept(tmp_path: Path) -> None:
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    times = pa.array([1, 2], pa.timestamp("ns"))
    table = pa.table(
        {"text": ["a", "b"], "time": times, "day": [datetime.date(2020, 1, 1)] * 2, "raw": [b"\xff", None]}
    )
    pq.write_table(table, source)
    _score(source, target, labels=())
    scored_table = pq.read_table(target)
    assert scored_table.select(table.column_names).equals(table)
    assert str(scored_table.schema.field("predicted_score").type) == "float"
    _score(source, tmp_path / "out.jsonl", labels=())
    assert _read(tmp_path / "out.jsonl")[0]["time"] == "1970-01-01 00:00:00.000000001"


def test_scoring_a_scored_file_replaces_the_answers(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("predicted_label,text\nold,abc\n")
    _score(source, tmp_path / "out.csv", labels=())
    assert (tmp_path / "out.csv").read_text() == "text,predicted_label,predicted_score\nabc,odd,0.833333\n"


def test_tsv_stays_one_line_a_row(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "a\\tb\\nc\\"", "n": null}\n')
    _score(source, tmp_path / "out.tsv", labels=())
    assert (tmp_path / "out.tsv").read_text().splitlines()[1].split("\t")[:2] == ['a b c"', ""]


def test_a_file_without_rows_gives_one_without_rows(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text,id\n")
    for suffix in (".csv", ".jsonl", ".parquet"):
        assert _score(tmp_path / "in.csv", tmp_path / f"out{suffix}", labels=()) == 0
        assert _read(tmp_path / f"out{suffix}") == []
    assert (tmp_path / "out.csv").read_text() == "text,id,predicted_label,predicted_score\n"


def test_many_parts_of_parquet_become_large_row_groups(tmp_path: Path) -> None:
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(pa.table({"text": [str(index) for index in range(2000)]}), source)
    _score(source, target, batch_rows=50, labels=())
    file = pq.ParquetFile(target)
    assert (file.metadata.num_rows, file.num_row_groups) == (2000, 1)
    assert file.read()["text"].to_pylist() == [str(index) for index in range(2000)]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=8), min_size=1, max_size=8), st.integers(1, 4)
)
def test_csv_texts_come_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], batch_rows: int
) -> None:
    folder = tmp_path_factory.mktemp("scored")
    with (folder / "in.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([("text",), *((text,) for text in texts)])
    score_file(folder / "in.csv", folder / "out.csv", predict, batch_rows=batch_rows)
    assert [row["text"] for row in _read(folder / "out.csv")] == texts


@pytest.mark.parametrize(
    ("name", "output", "options", "message"),
    [
        (
            "in.csv",
            "out.csv",
            {"text": "txt"},
            'no column "txt" .--text.; columns: "id", "text", "more"; did you mean "text"',
        ),
        ("in.jsonl", "out.jsonl", {"text": "txt"}, 'no column "txt"'),
        ("in.csv", "out.xls", {}, 'suffix ".xls" names no output format'),
        ("in.csv", "in.csv", {}, "would replace its own input"),
        ("on.csv", "out.csv", {}, 'did you mean ".*in.csv"'),
        (".", "out.csv", {}, "is a folder"),
        ("in.parquet", "out.csv", {"text": "more"}, "row 1: the text is no text but a list"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, name: str, output: str, options: dict[str, Any], message: str) -> None:
    for suffix in (".csv", ".jsonl", ".parquet"):
        _source(tmp_path, suffix)
    with pytest.raises(DataError, match=message):
        _score(tmp_path / name, tmp_path / output, **options)


def test_a_folder_in_the_way_is_left_alone(tmp_path: Path) -> None:
    source = _source(tmp_path, ".csv")
    (tmp_path / "out.csv.parts").mkdir()
    (tmp_path / "out.csv.parts" / "mine").write_text("precious")
    with pytest.raises(DataError, match="in the way"):
        _score(source, tmp_path / "out.csv")
    assert (tmp_path / "out.csv.parts" / "mine").read_text() == "precious"


def test_progress_ends_at_all_rows(tmp_path: Path) -> None:
    progress: list[tuple[int, int | None]] = []
    _score(
        _source(tmp_path, ".parquet"),
        tmp_path / "o.csv",
        on_progress=lambda count, total: progress.append((count, total)),
    )
    assert progress == [(3, 10), (6, 10), (9, 10), (10, 10)]
