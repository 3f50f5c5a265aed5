"""Questions on contexts: SQuAD's json and flat rows, answers at their places or named, split by context."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.answers import squad, toy_questions, write_squad
from tfapp.data import describe, load, load_table
from tfapp.errors import DataError
from tfapp.tasks.answering.data import as_answers
from tfapp.tasks.answering.settings import AnsweringDataSettings
from tfapp.tasks.registry import find_task

CONTEXT = "Ada met Charles in Münster; Ada 👍🏽 stayed."


def read(path: Path, **settings: Any) -> Any:
    return load_table(
        str(path), AnsweringDataSettings(train="any", **settings), labels=(), schema=find_task("answering").schema
    )


def spans(value: Any, start: Any = None) -> Any:
    return as_answers(value, "who?", CONTEXT, start)


@pytest.mark.parametrize(
    ("value", "start", "expected"),
    [
        ("Charles", None, [[8, 15]]),
        ("Ada", 28, [[28, 31]]),
        ("Ada", "28", [[28, 31]]),
        ("Ada", 28.0, [[28, 31]]),
        (" Charles ", 7, [[8, 15]]),
        ("👍🏽 stayed", None, [[32, 41]]),
        (["Ada", "Charles", "Ada"], [0, 8, 0], [[0, 3], [8, 15]]),
        ({"text": ["Ada"], "answer_start": [28]}, None, [[28, 31]]),
        ([{"text": "Ada", "answer_start": 28}, {"text": "Charles"}], None, [[28, 31], [8, 15]]),
        ("", None, []),
        ("  ", "", []),
        ([], None, []),
        ({"text": [], "answer_start": []}, None, []),
        (None, 3, None),
        (float("nan"), None, None),
    ],
)
def test_answers_have_many_forms(value: Any, start: Any, expected: Any) -> None:
    assert spans(value, start) == expected


@pytest.mark.parametrize(
    ("value", "start", "message"),
    [
        ("Bob", None, "has 'Bob', which is not in its context; mend it, or leave it empty; the question is 'who\\?'"),
        ("Ada", None, "has 'Ada', 2 times in its context: name data.answer_start"),
        ("Ada", 27, "has 'Ada' at 27 of its context, where ' Ad' stands"),
        ("Ada", -1, "has 'Ada' at -1"),
        ("Ada", 2000, "has 'Ada' at 2000 of its context, where '' stands"),
        ("Ada", "first", "has a start that is no whole number: 'first'"),
        ("Ada", 1.5, "has a start that is no whole number: 1.5"),
        (["Ada", "Charles"], [0], r"has 2 answers, but the starts are \[0\]"),
        (7, None, "is no answer: a string"),
        ([7], None, "holds what is no answer: 7"),
    ],
)
def test_an_answer_that_is_none_is_named(value: Any, start: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spans(value, start)


@given(st.text(), st.text(min_size=1).filter(str.strip), st.text())
def test_what_stands_between_the_places_is_the_answer(head: str, answer: str, tail: str) -> None:
    context = head + answer + tail
    ((start, end),) = as_answers(answer, "?", context, len(head)) or ()
    assert context[start:end] == answer.strip()


def write_jsonl(file: Path, rows: list[dict[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def write_csv(file: Path, rows: list[dict[str, Any]]) -> Path:
    import csv

    with file.open("w", newline="", encoding="utf-8") as out:
        table = csv.writer(out)
        table.writerow(["question", "context", "answer", "answer_start"])
        for row in rows:
            first = row["answers"][0] if row["answers"] else {"text": "", "answer_start": ""}
            table.writerow([row["question"], row["context"], first["text"], first["answer_start"]])
    return file


def write_parquet(file: Path, rows: list[dict[str, Any]]) -> Path:
    lists = [
        row | {"answers": {name: [answer[name] for answer in row["answers"]] for name in ("text", "answer_start")}}
        for row in rows
    ]
    pq.write_table(pa.Table.from_pylist(lists), file)
    return file


@pytest.mark.parametrize(
    ("write", "name", "settings"),
    [
        (write_squad, "a.json", {}),
        (write_jsonl, "a.jsonl", {"answer": "answers"}),
        (write_csv, "a.csv", {}),
        (write_parquet, "a.parquet", {"answer": "answers"}),
    ],
)
def test_every_format_gives_the_same_rows(
    tmp_path: Path, write: Callable[..., Path], name: str, settings: dict[str, str]
) -> None:
    rows = [row | {"context": f"Größe 👍🏽 {row['context']}"} for row in toy_questions(12)]
    for row in rows:
        for answer in row["answers"]:
            answer["answer_start"] += len("Größe 👍🏽 ")
    table = read(write(tmp_path / name, rows), **settings)
    assert table["question"].to_pylist() == [row["question"] for row in rows]
    pairs = zip(table["context"].to_pylist(), table["label"].to_pylist(), strict=True)
    texts = [[context[start:end] for start, end in places] for context, places in pairs]
    assert texts == [[answer["text"] for answer in row["answers"]] for row in rows]
    first = 2 if name.endswith(".csv") else 1
    assert table["row"].to_pylist() == list(range(first, first + 12))


def test_squad_1_and_2_and_files_without_answers(tmp_path: Path) -> None:
    rows = toy_questions(8)
    document = squad(rows)
    questions = [qa for paragraph in document["data"][0]["paragraphs"] for qa in paragraph["qas"]]
    del questions[0]["is_impossible"]  # as in 1.1
    del questions[1]["answers"]
    questions[2] |= {"is_impossible": True}  # some files keep what would have been the answer
    (tmp_path / "a.json").write_text(json.dumps(document))
    table = read(tmp_path / "a.json", group="title")
    assert [len(places) for places in table["label"].to_pylist()] == [1, 0, 0, 1, 1, 1, 0]
    assert table["row"].to_pylist() == [1, 3, 4, 5, 6, 7, 8]  # the second has no answers to evaluate on
    assert set(table["group"].to_pylist()) == {"toys"}


def test_a_bad_answer_is_named_with_file_row_and_question(tmp_path: Path) -> None:
    rows = toy_questions(4)
    rows[1]["answers"][0]["answer_start"] += 1
    with pytest.raises(DataError) as excinfo:
        read(write_squad(tmp_path / "a.json", rows))
    message = str(excinfo.value)
    assert message.startswith(f'{tmp_path / "a.json"}, row 2: column "answer" has ')
    assert f"the question is '{rows[1]['question']}'" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "a.json, line 1: not valid JSON: .* of one object a line the format is jsonl: set data.format"),
        ("[]", 'a.json: no SQuAD file: expected an object with "data", got list'),
        ("{}", "no SQuAD file: data must be a list, got NoneType"),
        ('{"data": [7]}', r"no SQuAD file: data\[0\] must be an object, got int"),
        (
            '{"data": [{"paragraphs": [{"context": 7, "qas": []}]}]}',
            r"data\[0\]\.paragraphs\[0\]\.context must be a text",
        ),
        (
            '{"data": [{"paragraphs": [{"context": "c", "qas": [{}]}]}]}',
            r"data\[0\]\.paragraphs\[0\]\.qas\[0\]\.question must be a text, got NoneType",
        ),
        ('{"data": []}', "no rows are left"),
    ],
)
def test_a_file_that_is_none_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.json")


def test_a_file_without_answers_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("question,context\nq,c\n")
    with pytest.raises(DataError, match=r'no column "answer" \(data.answer\)'):
        read(tmp_path / "a.csv")


def test_a_context_is_on_one_side_only(tmp_path: Path) -> None:
    rows = [row | {"context": f"{row['context']} {copy}"} for copy in range(3) for row in toy_questions(60)]
    rows += [row | {"question": row["question"].replace("?", "now ?")} for row in rows]
    splits = load(
        AnsweringDataSettings(train=str(write_squad(tmp_path / "a.json", rows))), schema=find_task("answering").schema
    )
    train, dev, test = (set(getattr(splits, side)["context"].to_pylist()) for side in ("train", "dev", "test"))
    assert not train & dev | train & test | dev & test
    assert len(train) + len(dev) + len(test) == 180
    assert splits.labels == ("answer", "no answer")
    assert sum(counts["no answer"] for counts in splits.report.label_counts.values()) == 90
    assert "first question texts of train" in splits._repr_html_()


def test_the_same_question_twice_is_a_duplicate(tmp_path: Path) -> None:
    rows = toy_questions(60, impossible=False)
    rows += [rows[0], rows[1] | {"answers": []}]
    splits = load(
        AnsweringDataSettings(train=str(write_squad(tmp_path / "a.json", rows))), schema=find_task("answering").schema
    )
    findings = {finding.kind: finding.rows for finding in splits.report.findings}
    assert findings == {"duplicate": (61,), "conflicting_duplicate": (62,)}
    assert splits.labels == ("answer",)


def test_every_split_needs_an_answer(tmp_path: Path) -> None:
    rows = [row | {"answers": []} for row in toy_questions(40)]
    file = write_squad(tmp_path / "a.json", rows)
    with pytest.raises(DataError, match=r"train has no question with an answer; check data\.answer"):
        load(AnsweringDataSettings(train=str(file)), schema=find_task("answering").schema)
    rows[0] = toy_questions(1)[0]
    with pytest.raises(DataError, match=r"(dev|test|train) has no question with an answer"):
        load(AnsweringDataSettings(train=str(write_squad(file, rows))), schema=find_task("answering").schema)


def test_questions_are_described(tmp_path: Path) -> None:
    file = write_squad(tmp_path / "a.json", toy_questions(40))
    description = describe(str(file), schema=find_task("answering").schema)
    assert description.rows == 40
    assert description.labels == {"answer": 30, "no answer": 10}
