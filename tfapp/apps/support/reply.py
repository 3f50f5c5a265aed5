"""The replies of the assistant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["AnswerSource", "Reply", "ReplyKind"]

ReplyKind = Literal["intent", "passages", "slot", "handover"]


@dataclass(frozen=True)
class AnswerSource:
    """The source of an answer.

    Attributes:
        answer_id: The answer's text; None: an intent's answer.
        matched: The known text that the question is like.
        source: The file, or "correction".
        line: Its line there.
        cosine: Of the question and `matched`; None where it was found by words alone.
    """

    answer_id: int | None
    matched: str
    source: str
    line: int
    cosine: float | None


@dataclass(frozen=True)
class Reply:
    """An answer, or the hand-over to a person.

    Attributes:
        turn: Names this turn, for a correction.
        question: What was asked.
        understood: The question with what it refers to.
        kind: `intent`: an intent's answer; `passages`: put together from what is known; `slot`: the customer is asked
            for what the answer needs; `handover`: a person should answer.
        text: What is said to the customer.
        confidence: From 0 to 1: the intent's probability, or the cosine of question and source.
        intent: The intent, if one was found.
        slots: What is known of the customer's case.
        sources: Where the answer comes from.
        summary: For the person who takes over; empty otherwise.
        degraded: What could not be asked; empty where all could.
    """

    turn: str
    question: str
    understood: str
    kind: ReplyKind
    text: str
    confidence: float
    intent: str | None = None
    slots: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[AnswerSource, ...] = ()
    summary: str = ""
    degraded: str = ""
