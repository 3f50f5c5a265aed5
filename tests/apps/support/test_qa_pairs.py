from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp.apps.shared.record_reader import Record, RejectedRow
from tfapp.apps.support.qa_pairs import QAColumns, QAPair, read_qa_pairs
from tfapp.errors import DataError, SettingsError

VALUES = st.one_of(st.none(), st.integers(), st.text(max_size=8), st.lists(st.integers(), max_size=2))


def read(*rows: dict[str, Any], columns: QAColumns | None = None) -> list[QAPair | RejectedRow]:
    records = [Record(line, row) for line, row in enumerate(rows, 2)]
    return list(read_qa_pairs(records, columns or QAColumns(), source="a.csv"))


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"question": " Is  it\topen? ", "answer": "Yes."}, QAPair(2, "Is it open?", "Yes.")),
        ({"text": "Where is it?", "category": "tracking"}, QAPair(2, "Where is it?", None, "tracking")),
        ({"Query": "q", "Response": "a", "Intent": "i"}, QAPair(2, "q", "a", "i")),
        ({"question": "q", "answer": "", "intent": "i"}, QAPair(2, "q", None, "i")),
    ],
)
def test_questions_come_with_an_answer_or_an_intent(row: dict[str, Any], expected: QAPair) -> None:
    assert read(row) == [expected]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"question": " \u200b", "answer": "a"}, "the question is empty"),
        ({"question": None, "answer": "a"}, "the question is empty"),
        ({"question": "q", "answer": ""}, "there is neither an answer nor an intent"),
        ({"question": 7, "answer": "a"}, 'column "question" is no text but a int'),
        ({"question": "q", "intent": "a" * 201}, 'column "intent" has 201 characters; at most 200 are kept'),
        ({"question": "q", "answer": "a" * 20_001}, 'column "answer" has 20001 characters; at most 20000 are kept'),
    ],
)
def test_a_row_that_is_no_exchange_is_rejected_with_its_reason(row: dict[str, Any], reason: str) -> None:
    good_row = {"question": "q", "answer": "a", "intent": ""}
    items = read(good_row, row, good_row)
    assert [item.line for item in items] == [2, 3, 4]
    assert isinstance(items[1], RejectedRow)
    assert items[1].reason == reason


@given(st.lists(st.fixed_dictionaries({"question": VALUES, "answer": VALUES}), max_size=10))
def test_every_row_comes_out_once_and_in_order(rows: list[dict[str, Any]]) -> None:
    first = {"question": "q", "answer": "a"}
    assert [item.line for item in read(first, *rows)] == list(range(2, len(rows) + 3))


def test_columns_can_be_named_and_rows_chosen() -> None:
    columns = QAColumns({"question": "ask", "intent": "topic"}, where={"language": "english"})
    rows = [{"ask": "q", "answer": "a", "topic": "t", "language": name} for name in ("english", "welsh")]
    assert read(*rows, columns=columns) == [QAPair(2, "q", "a", "t")]


def test_what_is_not_there_is_named_with_what_is() -> None:
    with pytest.raises(DataError, match=r'a\.csv: no columns of questions with an answer or an intent; columns: "x"'):
        read({"x": "y"})
    with pytest.raises(DataError, match='no column "ask"; columns: "question", "answer"'):
        read({"question": "q", "answer": "a"}, columns=QAColumns({"question": "ask"}))
    with pytest.raises(SettingsError, match="--column reply: give NAME=COLUMN, where NAME is one of question"):
        QAColumns({"reply": "x"})


def test_turns_of_conversations_become_pairs() -> None:
    turns = [
        *(
            ("a", "Customer", "Hello."),
            ("a", "customer", "Where is it?"),
            ("a", "agent", "On its way."),
            ("a", "agent", "Bye."),
        ),
        *(("b", "agent", "How can I help?"), ("b", "customer", "My lamp broke"), ("b", "agent", "Send a photo.")),
        ("c", "customer", "Anybody there?"),
    ]
    rows = [{"conversation": c, "speaker": s, "text": t} for c, s, t in turns]
    *pairs, lonely = read(*rows)
    assert pairs == [
        QAPair(2, "Hello. Where is it?", "On its way. Bye."),
        QAPair(7, "My lamp broke", "Send a photo."),
    ]
    assert lonely == RejectedRow(9, "no agent answers it in its conversation", "Anybody there?")


def test_a_row_may_hold_a_whole_conversation() -> None:
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "q1"},
        {"role": "assistant", "content": "a1"},
        {"role": "user", "content": "q2"},
        {"role": "assistant", "content": "a2"},
    ]
    items = read({"messages": messages}, {"messages": 7}, columns=QAColumns(agents=("assistant",)))
    assert items[:2] == [QAPair(2, "q1", "a1"), QAPair(2, "q2", "a2")]
    assert isinstance(items[2], RejectedRow)
