"""Readers: values come through exactly, and what is broken is named with its place."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.text_classes import read_table
from tfapp.config import DataSettings
from tfapp.data import read_batches, resolve
from tfapp.data.readers.delimited import iter_csv_blocks
from tfapp.data.readers.read_options import ReadOptions
from tfapp.data.readers.textfile import find_bad_byte
from tfapp.errors import DataError
from tfapp.tasks.settings_proposal import propose_settings

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


def _read(path: Path, multi_label: bool = False, **values: Any) -> list[dict[str, Any]]:
    source = resolve(str(path), DataSettings.model_validate({"train": str(path), **values}), catalogue={})
    return read_table(source, multi_label=multi_label).to_pylist()


def _pairs(rows: list[dict[str, Any]]) -> list[tuple[Any, Any, int]]:
    return [(row["text"], row["label"], row["row"]) for row in rows]


def _write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_csv_keeps_quotes_commas_and_line_ends_inside_quotes(tmp_path: Path) -> None:
    file = _write(tmp_path / "a.csv", '\ufefftext,label\r\n"a, ""b""\nc",x\r\n\r\n, y \r\n')
    assert _pairs(_read(file)) == [('a, "b"\nc', "x", 2), ("", "y", 5)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXTS, st.sampled_from(["a", "b"])), min_size=1))
def test_csv_round_trip(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    file = tmp_path_factory.mktemp("csv") / "a.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
        writer.writerows([("text", "label"), *rows])
    # A quoted text may have lines of its own.
    lines = accumulate((1 + len(re.findall("\r\n|\r|\n", text)) for text, _ in rows), initial=2)
    assert _pairs(_read(file)) == [(*row, line) for row, line in zip(rows, lines, strict=False)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXTS, st.sampled_from(["a", "b"])), min_size=1))
def test_jsonl_round_trip(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    file = tmp_path_factory.mktemp("jsonl") / "a.jsonl"
    lines = [json.dumps({"text": text, "label": label}, ensure_ascii=False) for text, label in rows]
    file.write_text("\n".join(lines), encoding="utf-8", newline="")
    assert _pairs(_read(file)) == [(text, label, index) for index, (text, label) in enumerate(rows, start=1)]


def test_tsv_quotes_are_plain_characters(tmp_path: Path) -> None:
    file = _write(tmp_path / "a.tsv", 'an "unclosed film\t1\n"quoted"\t0\r\n')
    rows = _read(file, header=False, text="0", label="1")
    assert _pairs(rows) == [('an "unclosed film', "1", 1), ('"quoted"', "0", 2)]


def test_long_fields_are_read(tmp_path: Path) -> None:
    file = _write(tmp_path / "a.csv", f"text,label\n{'x' * 300_000},a\n")
    assert len(_read(file)[0]["text"]) == 300_000


def test_jsonl_labels_are_strings_and_missing_is_null(tmp_path: Path) -> None:
    values = [1, 1.0, True, "x", None, 1.5, float("nan")]
    file = _write(tmp_path / "a.jsonl", "".join(json.dumps({"text": "t", "label": value}) + "\n\n" for value in values))
    assert [row["label"] for row in _read(file)] == ["1", "1", "true", "x", None, "1.5", None]


def test_rows_of_jsonl_are_told_by_their_lines(tmp_path: Path) -> None:
    file = _write(tmp_path / "a.jsonl", '\n{"text": "a", "label": "x"}\n \n\n{"text": "b", "label": "y"}\n')
    assert _pairs(_read(file)) == [("a", "x", 2), ("b", "y", 5)]


def test_jsonl_rows_may_leave_keys_out(tmp_path: Path) -> None:
    file = _write(tmp_path / "a.jsonl", '{"text": "a"}\n{"label": "x"}\n{"text": "b\\ud800", "label": "y"}\n')
    assert _pairs(_read(file)) == [("a", None, 1), ("", "x", 2), ("b?", "y", 3)]


def test_parquet_integer_labels_and_nulls(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a", None, "c"], "label": pa.array([1, None, 2], pa.int8())}), file)
    assert _pairs(_read(file)) == [("a", "1", 1), ("", None, 2), ("c", "2", 3)]


def test_folder_is_sorted_and_ignores_hidden_files(tmp_path: Path) -> None:
    for name in ("b/2.txt", "b/1.txt", "a/x/1.txt", "a/.hidden", ".git/1.txt", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        _write(tmp_path / name, name)
    rows = _read(tmp_path)
    assert [(row["label"], row["file"], row["row"]) for row in rows] == [
        ("a", "a/x/1.txt", 1),
        ("b", "b/1.txt", 2),
        ("b", "b/2.txt", 3),
    ]
    assert [row["text"] for row in rows] == ["a/x/1.txt", "b/1.txt", "b/2.txt"]


def test_row_limit_of_a_folder_takes_every_label(tmp_path: Path) -> None:
    for label in "abc":
        (tmp_path / label).mkdir()
        for index in range(4):
            _write(tmp_path / label / str(index), label)
    rows = _read(tmp_path, max_rows=4)
    assert [(row["label"], row["row"]) for row in rows] == [("a", 1), ("a", 2), ("b", 5), ("c", 9)]


def test_row_limit_of_a_file(tmp_path: Path) -> None:
    file = _write(tmp_path / "a.csv", "text,label\n" + "".join(f"t{index},a\n" for index in range(9)))
    assert [row["row"] for row in _read(file, max_rows=4)] == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"rating": {"column": "r"}}, ["negative", "neutral", "neutral", "neutral", "positive", None]),
        ({"rating": {"column": "r", "center": 1, "neutral_within": 0}}, ["negative"] * 4 + ["positive", None]),
    ],
)
def test_ratings_become_labels(tmp_path: Path, values: Mapping[str, Any], expected: list[str | None]) -> None:
    file = _write(tmp_path / "a.csv", "text,r\n" + "".join(f"t,{r}\n" for r in ("-0.51", "-0.5", "0", "0.5", "2", "")))
    assert [row["label"] for row in _read(file, **values)] == expected


def test_multi_label_in_every_format(tmp_path: Path) -> None:
    lists = [["b", "a"], [], ["a", "a"]]
    csv_file = _write(tmp_path / "a.csv", "text,label\nt,b|a\nt,\nt,a| a\n")
    lines = _write(tmp_path / "a.jsonl", "".join(json.dumps({"text": "t", "label": labels}) + "\n" for labels in lists))
    pq.write_table(pa.table({"text": ["t"] * 3, "label": lists}), tmp_path / "a.parquet")
    expected = [["a", "b"], [], ["a"]]
    assert [row["label"] for row in _read(csv_file, multi_label=True, label_separator="|")] == expected
    assert [row["label"] for row in _read(lines, multi_label=True)] == expected
    assert [row["label"] for row in _read(tmp_path / "a.parquet", multi_label=True)] == expected


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("a.csv", "text,label\na,x\nb,c,x\n", ["line 3", "3 fields", "expected 2"]),
        ("a.csv", 'text,label\n"a\nb",x\nc\n', ["line 4", "1 field, expected 2"]),
        ("a.csv", 'text,label\na,x\n"b,x\nc,x\n', ["line 3", "never closed"]),
        ("a.csv", 'text,label\n"a" b,x\n', ["line 2", "double the quotes"]),
        ("a.csv", "text,text\na,x\n", ["line 1", '"text"']),
        ("a.csv", "", ["empty"]),
        ("a.tsv", "text\tlabel\na\tb\tc\n", ["line 2", "3 fields"]),
        ("a.jsonl", '{"text": "a", "label": "x"}\n{"text": \n', ["line 2", "JSON"]),
        ("a.jsonl", "[1]\n", ["line 1", "object"]),
        ("a.jsonl", '{"text": "a", "label": ["x"]}\n', ["line 1", "multi_label"]),
        ("a.jsonl", '{"text": {"a": 1}, "label": "x"}\n', ["line 1", '"text"', "dict"]),
        (
            "a.parquet",
            "no parquet",
            ["not a readable parquet file", "; copy or write the file again, or set data.format"],
        ),
        ("a.csv", "Text,labels\na,x\n", ['no column "text" (data.text)', '"Text", "labels"', 'mean "Text"']),
        ("a.jsonl", '{"text": "a", "lable": "x"}\n', ['no column "label"', 'mean "lable"']),
        ("a.log", "x", ["suffix", "data.format"]),
    ],
)
def test_broken_files_name_the_place(tmp_path: Path, name: str, content: str, parts: list[str]) -> None:
    file = _write(tmp_path / name, content)
    with pytest.raises(DataError) as excinfo:
        _read(file)
    message = str(excinfo.value)
    assert name in message
    assert "\n" not in message
    assert [part for part in parts if part not in message] == []


def test_bad_rating_names_row_and_value(tmp_path: Path) -> None:
    file = _write(tmp_path / "a.csv", "text,rating\na,1\nb,good\n")
    with pytest.raises(DataError, match=r'line 3: column "rating" is no number, got \'good\''):
        _read(file, rating={})


def test_separator_without_multi_label_and_the_reverse(tmp_path: Path) -> None:
    file = _write(tmp_path / "a.csv", "text,label\na,x|y\n")
    with pytest.raises(DataError, match=r"model\.multi_label = true"):
        _read(file, label_separator="|")
    with pytest.raises(DataError, match=r"needs data\.label_separator"):
        _read(file, multi_label=True)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_wrong_encoding_names_file_line_and_byte(tmp_path: Path, name: str) -> None:
    separator = "\t" if name == "a.tsv" else ","
    head = f"text{separator}label\nok{separator}x\nca" if name != "a.jsonl" else '{"text": "ok"}\n\n{"text": "ca'
    file = _write(tmp_path / name, head.encode() + b"f\xe9" + b"\n" * 5)
    with pytest.raises(DataError) as excinfo:
        _read(file)
    message = str(excinfo.value)
    for part in (str(file), "line 3", "0xe9", f"offset {len(head) + 1}", "not utf-8", "data.encoding", "latin-1"):
        assert part in message


def test_stated_encoding_is_used(tmp_path: Path) -> None:
    for encoding in ("latin-1", "utf-16"):
        file = _write(tmp_path / "a.csv", "text,label\ncafé,x\n".encode(encoding))
        assert _read(file, encoding=encoding)[0]["text"] == "café"


def test_utf16_is_suggested_and_an_unknown_encoding_refused(tmp_path: Path) -> None:
    file = _write(tmp_path / "a.csv", "text,label\ncafé,x\n".encode("utf-16"))
    with pytest.raises(DataError, match=r"line 1: byte 0xff at offset 0.*utf-16"):
        _read(file)
    for unknown in ("utf-9", "base64", "a\0"):
        with pytest.raises(DataError, match=r"data\.encoding"):
            _read(file, encoding=unknown)


def test_wrong_encoding_in_a_folder_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    _write(tmp_path / "a" / "1.txt", "fine")
    _write(tmp_path / "a" / "2.txt", b"one\ntwo \xe9")
    with pytest.raises(DataError, match=r"2\.txt, line 2: byte 0xe9 at offset 8"):
        _read(tmp_path)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400), st.text(max_size=20))
def test_bad_byte_is_found_wherever_it_is(
    tmp_path_factory: pytest.TempPathFactory, head_text: str, tail_text: str
) -> None:
    head = head_text.encode("utf-8", "ignore")
    file = _write(tmp_path_factory.mktemp("bytes") / "a", head + b"\xff" + tail_text.encode("utf-8", "ignore"))
    bad_byte = find_bad_byte(file, "utf-8")
    assert bad_byte is not None
    assert (bad_byte.offset, bad_byte.line, bad_byte.value) == (len(head), head.count(b"\n") + 1, 0xFF)


def test_bad_byte_across_the_chunks_of_the_search(tmp_path: Path) -> None:
    head = b"a" * ((1 << 20) - 1)
    file = _write(tmp_path / "a", head + "é".encode() + b"\n\xe2\x82")
    bad_byte = find_bad_byte(file, "utf-8")
    assert bad_byte is not None
    assert (bad_byte.offset, bad_byte.line) == (len(head) + 3, 2)


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    _write(tmp_path / "reviews.csv", "text,label\n")
    with pytest.raises(DataError, match=r'no such file, folder or data set; did you mean ".*reviews\.csv"'):
        _read(tmp_path / "reveiws.csv")


def test_batches_keep_all_columns(tmp_path: Path) -> None:
    file = _write(tmp_path / "a.csv", "id,text\n" + "".join(f"{index},t\n" for index in range(5)))
    batches = list(read_batches(file, batch_rows=2))
    assert [batch.num_rows for batch in batches] == [2, 2, 1]
    assert pa.Table.from_batches(batches).to_pydict() == {"id": ["0", "1", "2", "3", "4"], "text": ["t"] * 5}


def test_jsonl_batches_share_the_types_that_hold_all_values(tmp_path: Path) -> None:
    rows = [{"n": 1, "mix": 1}, {"n": None}, {"n": 2.5, "mix": "two", "late": [1]}, {"n": 2**60, "empty": {}}]
    file = _write(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    batches = list(read_batches(file, batch_rows=1))
    assert len({str(batch.schema) for batch in batches}) == 1
    table = pa.Table.from_batches(batches).to_pydict()
    assert table["n"] == [1.0, None, 2.5, float(2**60)]
    assert table["mix"] == ["1", None, "two", None]
    assert table["late"] == [None, None, [1], None]
    assert table["empty"] == [None, None, None, "{}"]


def test_files_without_rows_still_name_their_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "a.parquet")
    _write(tmp_path / "a.csv", "text,label\n")
    assert [batch.schema.names for batch in read_batches(tmp_path / "a.parquet")] == [["text"]]
    assert [batch.schema.names for batch in read_batches(tmp_path / "a.csv")] == [["text", "label"]]
    assert [len(block) for block in iter_csv_blocks(tmp_path / "a.csv", ReadOptions())] == [0]


@pytest.mark.parametrize(("word", "replacement"), [(b"plain", b"pl\xedin"), (b"text", b"te\xeet")])
def test_a_parquet_file_whose_strings_are_none_is_refused(tmp_path: Path, word: bytes, replacement: bytes) -> None:
    file = tmp_path / "a.parquet"
    table = pa.table({"text": ["a plain one", "another"], "label": ["x", "y"]})
    pq.write_table(table, file, compression="none", store_schema=False)
    file.write_bytes(file.read_bytes().replace(word, replacement))
    with pytest.raises(DataError, match=r"a\.parquet: not a readable parquet file: "):
        _read(file)


def test_a_folder_with_utf16_and_what_lacks_its_mark_is_refused(tmp_path: Path) -> None:
    for label in "xy":
        (tmp_path / label).mkdir()
        for name in ("0.txt", "3.txt"):
            _write(tmp_path / label / name, "plain".encode("utf-16"))
    _write(tmp_path / "x" / "1.txt", "café".encode("utf-16"))
    _write(tmp_path / "x" / "2.txt", "café".encode("utf-16-le"))
    assert propose_settings(str(tmp_path)).data["encoding"] == "latin-1"
    with pytest.raises(DataError, match=r"2\.txt, line 1: byte 0x63 at offset 0.*utf-16"):
        _read(tmp_path, encoding="utf-16")
