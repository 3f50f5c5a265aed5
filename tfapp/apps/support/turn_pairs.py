"""Pairs the turns of past conversations into questions with their answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tfapp.apps.shared.record_reader import Record, RejectedRow

__all__ = ["pair_turns"]

_Turn = tuple[int, str, str]


def pair_turns(
    rows: Iterable[Record | RejectedRow], columns: Mapping[str, str], agents: Sequence[str]
) -> Iterator[Record | RejectedRow]:
    """Pairs what customers say with the agents' answers.

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
    turns: list[_Turn] = []
    current: Any = None
    for row in rows:
        if isinstance(row, RejectedRow):
            yield row
        elif isinstance(row.values.get("messages"), list):
            yield from _paired(_messages(row), agents)
        elif "conversation" not in columns:
            yield RejectedRow(row.line, "messages is no list", str(row.values))
        else:
            key = row.values.get(columns["conversation"])
            if key != current:
                yield from _paired(turns, agents)
                turns, current = [], key
            turns.append(_turn(row.line, row.values.get(columns["speaker"]), row.values.get(columns["question"])))
    yield from _paired(turns, agents)


def _turn(line: int, speaker: Any, text: Any) -> _Turn:
    return line, str(speaker or "").strip().lower(), text if isinstance(text, str) else ""


def _messages(row: Record) -> list[_Turn]:
    messages = [message for message in row.values["messages"] if isinstance(message, dict)]
    return [_turn(row.line, message.get("role"), message.get("content")) for message in messages]


def _paired(turns: Iterable[_Turn], agents: Sequence[str]) -> Iterator[Record | RejectedRow]:
    question: list[_Turn] = []
    answer: list[_Turn] = []
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
        yield RejectedRow(question[0][0], "no agent answers it in its conversation", _joined(question))


def _pair(question: list[_Turn], answer: list[_Turn]) -> Record:
    return Record(question[0][0], {"question": _joined(question), "answer": _joined(answer)})


def _joined(turns: list[_Turn]) -> str:
    return " ".join(text for _, _, text in turns if text)
