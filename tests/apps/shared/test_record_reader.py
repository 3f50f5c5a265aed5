from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp.apps.shared.record_reader import Record, RejectedRow, read_records
from tfapp.errors import DataError

FIELDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=20)


def read(folder: Path, name: str, content: str | bytes, **options: str) -> list[Record | RejectedRow]:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_records(file, **options))


@given(rows=st.lists(st.tuples(FIELDS, FIELDS), max_size=8))
def test_csv_as_python_writes_it_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([("question", "answer"), *rows])
    records = read(tmp_path_factory.mktemp("rows"), "a.csv", out.getvalue())
    assert [row.values for row in records if isinstance(row, Record)] == [{"question": q, "answer": a} for q, a in rows]
    assert len(records) == len(rows)


@given(
    rows=st.lists(st.one_of(st.just("a,b\n"), st.text("ab,\"'\n", max_size=12).map(lambda t: f"{t}\n")), max_size=10)
)
def test_whatever_stands_in_a_csv_file_no_line_is_lost(
    tmp_path_factory: pytest.TempPathFactory, rows: list[str]
) -> None:
    content = "".join(["question,answer\n", *rows])
    records = read(tmp_path_factory.mktemp("rows"), "a.csv", content)
    lines = content.split("\n")
    numbers = set()
    for row in records:
        # A row that is used may go over lines, of which none is used again; one that is rejected is one line.
        assert row.line not in numbers
        text = "".join(row.values.values()) if isinstance(row, Record) else ""
        numbers |= set(range(row.line, row.line + 1 + text.count("\n")))
    assert {number for number, line in enumerate(lines, 1) if line.strip()} - {1} <= numbers


def test_rows_around_a_broken_one_are_read(tmp_path: Path) -> None:
    content = 'question,answer\nq1,a1\nonly one\n"never closed,a\nq2,"a, 2"\nq3,"two\nlines"\nq4,a4,more\n\nq5,a5\n'
    records = read(tmp_path, "a.csv", content)
    assert [(row.line, row.values["answer"]) for row in records if isinstance(row, Record)] == [
        (2, "a1"),
        (5, "a, 2"),
        (6, "two\nlines"),
        (10, "a5"),
    ]
    assert [(row.line, row.reason) for row in records if isinstance(row, RejectedRow)] == [
        (3, "1 field, expected 2"),
        (4, "a quote is opened here and never closed"),
        (8, "3 fields, expected 2"),
    ]


def test_a_byte_of_another_encoding_costs_its_row_alone(tmp_path: Path) -> None:
    content = b"question,answer\nq1,a1\ncaf\xe9,a2\nq3,a3\n"
    first, second, third = read(tmp_path, "a.csv", content)
    assert isinstance(second, RejectedRow)
    assert (second.line, second.reason, second.content) == (
        3,
        "byte 0xe9 is not utf-8",
        "caf\N{REPLACEMENT CHARACTER},a2",
    )
    assert [type(row) for row in (first, third)] == [Record, Record]
    latin = read(tmp_path, "b.csv", content, encoding="latin-1")
    assert latin[1] == Record(3, {"question": "café", "answer": "a2"})


def test_jsonl_rejects_what_is_no_object(tmp_path: Path) -> None:
    row = {"question": "q", "answer": "a"}
    content = f"\ufeff{json.dumps(row)}\n{{bad\n\n[1]\n{json.dumps(row)}"
    records = read(tmp_path, "a.jsonl", content)
    assert records[0] == Record(1, row)
    assert records[3] == Record(5, row)
    assert [(row.line, row.reason.split(":")[0]) for row in records[1:3] if isinstance(row, RejectedRow)] == [
        (2, "not valid JSON"),
        (4, "expected a JSON object, got list"),
    ]


def test_tsv_takes_quotes_as_they_are(tmp_path: Path) -> None:
    records = read(tmp_path, "a.tsv", 'question\tanswer\nthe "q\ta\n')
    assert records == [Record(2, {"question": 'the "q', "answer": "a"})]


@pytest.mark.parametrize(
    ("name", "content", "options", "complains"),
    [
        ("a.xlsx", "", {}, r"the suffix .* is none of .csv"),
        ("a.csv", "", {}, "the file is empty"),
        ("a.csv", b"\xe9\n", {}, "line 1: byte 0xe9 is not utf-8; the first line must name the columns"),
        ("a.csv", "x\n", {"encoding": "utf-16"}, "utf-16 is not read here"),
        ("a.csv", "x\n", {"encoding": "nope"}, 'knows no encoding "nope"'),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    tmp_path: Path, name: str, content: str | bytes, options: dict[str, str], complains: str
) -> None:
    with pytest.raises(DataError, match=complains):
        read(tmp_path, name, content, **options)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file"):
        list(read_records(tmp_path / "missing.csv"))
