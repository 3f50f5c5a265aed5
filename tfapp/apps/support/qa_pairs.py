"""Reads questions with an answer, an intent, or both from a file's rows, or from conversations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tfapp.apps.shared.column_names import FileColumns, check_contents
from tfapp.apps.shared.record_reader import Record, RejectedRow
from tfapp.data.stored_texts import LONGEST_NAME, tidy

__all__ = ["QAColumns", "QAPair", "read_qa_pairs"]

_Utterance = tuple[int, str, str]
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "question": ("question", "query", "text", "message", "utterance", "sentence"),
    "answer": ("answer", "response", "reply"),
    "intent": ("intent", "category", "label"),
    "conversation": ("conversation", "conversation_id", "dialogue", "dialogue_id", "session"),
    "speaker": ("speaker", "role", "author"),
}
_LONGEST: Final = 20_000


@dataclass(frozen=True)
class QAPair:
    """A question of the past, with its line, its answer, its intent, or both."""

    line: int
    question: str
    answer: str | None = None
    intent: str | None = None


@dataclass(frozen=True)
class QAColumns:
    """The columns and rows of a file to read.

    Attributes:
        columns: Column names by what they hold (question, answer, intent, conversation, speaker); what is missing is
            found by its usual names.
        where: Rows are left out that do not have these values.
        agents: Speakers whose turns are answers.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict)
    agents: Sequence[str] = ("agent",)

    def __post_init__(self) -> None:
        check_contents(self.columns, _NAMES)


def read_qa_pairs(
    records: Iterable[Record | RejectedRow], columns: QAColumns, *, source: str
) -> Iterator[QAPair | RejectedRow]:
    """Makes question-answer pairs from rows; a row that is none is rejected.

    Three forms are told apart by their columns: a question with its answer or intent (Banking77's text and category
    are such); turns of conversations; and rows of jsonl that hold a whole conversation in `messages`.

    Raises:
        DataError: There are no such columns.
    """
    file = FileColumns.detect(records, columns.columns, _NAMES, source=source, filters=columns.where)
    names, has_messages = file.columns, "messages" in file.present
    if (
        not has_messages
        and "speaker" not in names
        and not ("question" in names and {"answer", "intent"} & names.keys())
    ):
        way_out = "name them with --column question=NAME --column answer=NAME"
        raise file.error("no columns of questions with an answer or an intent", way_out)
    rows: Iterator[Record | RejectedRow] = (
        row for row in file.rows if isinstance(row, RejectedRow) or _fits(row, columns.where)
    )
    if has_messages or {"conversation", "speaker"} <= names.keys():
        rows, names = pair_turns(rows, names, columns.agents), _PAIR
    for row in rows:
        yield row if isinstance(row, RejectedRow) else _qa_pair(row, names)


_PAIR: Final = {"question": "question", "answer": "answer", "intent": "intent"}
_LIMITS: Final = {"question": _LONGEST, "answer": _LONGEST, "intent": LONGEST_NAME}


def _fits(row: Record | RejectedRow, where: Mapping[str, str]) -> bool:
    return isinstance(row, RejectedRow) or all(str(row.values.get(name)) == value for name, value in where.items())


def _qa_pair(row: Record, columns: Mapping[str, str]) -> QAPair | RejectedRow:
    try:
        texts = {
            field: _text(row.values.get(columns[field]), columns[field], longest)
            for field, longest in _LIMITS.items()
            if field in columns
        }
    except ValueError as error:
        return RejectedRow(row.line, str(error), str(row.values)[:_LONGEST])
    question, answer, intent = (texts.get(field) for field in _PAIR)
    if question is None:
        return RejectedRow(row.line, "the question is empty", str(row.values)[:_LONGEST])
    if answer is None and intent is None:
        return RejectedRow(row.line, "there is neither an answer nor an intent", str(row.values)[:_LONGEST])
    return QAPair(row.line, question, answer, intent)


def _text(value: Any, column: str, longest: int) -> str | None:
    """Returns the text with single spaces; None where it is blank."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f'column "{column}" is no text but a {type(value).__name__}')  # noqa: TRY004 - the value's fault, no caller's
    if len(value) > longest:
        raise ValueError(f'column "{column}" has {len(value)} characters; at most {longest} are kept')
    return tidy(value)


def pair_turns(
    rows: Iterable[Record | RejectedRow], columns: Mapping[str, str], agents: Sequence[str]
) -> Iterator[Record | RejectedRow]:
    """Pairs the customers' turns with the agents' answers.

    Turns of one speaker that follow each other are one turn. Rows of one conversation stand together. A turn that no
    agent answers is rejected, so that it is counted.

    Args:
        rows: A turn each, with conversation, speaker and text; or a whole conversation each, in `messages`, a list of
            objects with role and content.
        columns: The columns conversation, speaker and question (the text).
        agents: Speakers whose turns are answers, in lower case.

    Yields:
        Records with `question` and `answer`, on the question's line.
    """
    turns: list[_Utterance] = []
    current: Any = None
    for row in rows:
        if isinstance(row, RejectedRow):
            yield row
        elif isinstance(row.values.get("messages"), list):
            yield from _pair_records(_messages(row), agents)
        elif "conversation" not in columns:
            yield RejectedRow(row.line, "messages is no list", str(row.values))
        else:
            key = row.values.get(columns["conversation"])
            if key != current:
                yield from _pair_records(turns, agents)
                turns, current = [], key
            turns.append(_turn(row.line, row.values.get(columns["speaker"]), row.values.get(columns["question"])))
    yield from _pair_records(turns, agents)


def _turn(line: int, speaker: Any, text: Any) -> _Utterance:
    return line, str(speaker or "").strip().lower(), text if isinstance(text, str) else ""


def _messages(row: Record) -> list[_Utterance]:
    messages = [message for message in row.values["messages"] if isinstance(message, dict)]
    return [_turn(row.line, message.get("role"), message.get("content")) for message in messages]


def _pair_records(turns: Iterable[_Utterance], agents: Sequence[str]) -> Iterator[Record | RejectedRow]:
    question: list[_Utterance] = []
    answer: list[_Utterance] = []
    for turn in turns:
        if turn[1] in agents:
            if question:
                answer.append(turn)
        elif turn[1] != "system":
            if answer:
                yield _pair(question, answer)
                question, answer = [], []
            question.append(turn)
    if question and answer:
        yield _pair(question, answer)
    elif question:
        yield RejectedRow(question[0][0], "no agent answers it in its conversation", _join_texts(question))


def _pair(question: list[_Utterance], answer: list[_Utterance]) -> Record:
    return Record(question[0][0], {"question": _join_texts(question), "answer": _join_texts(answer)})


def _join_texts(turns: list[_Utterance]) -> str:
    return " ".join(text for _, _, text in turns if text)
