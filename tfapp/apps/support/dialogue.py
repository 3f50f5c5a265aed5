"""Interprets a question by the conversation before it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Turn", "interpretations", "refers_back"]

_OPENERS: Final = re.compile(
    r"(and|but|also|or|then|so|ok|okay|what about|how about|what if|why is that|why not|why|how so|really)\b[\s,]*",
    re.I,
)
_BACK: Final = frozenset(
    (
        *("it", "its", "that", "this", "those", "these", "they", "them", "their", "there", "then"),
        *("he", "him", "his", "she", "her", "one", "ones", "same", "instead"),
    )
)
# Words without which a question says nothing by itself: long ones with a pronoun mostly do.
_SHORT: Final = 8


@dataclass(frozen=True)
class Turn:
    """A turn of a conversation.

    `understood` is the question with what it refers to, `slots` what is known of the customer's case after this
    turn, and `answer_ids` are the texts that the answer was put together from.
    """

    question: str
    understood: str
    kind: str
    answer: str
    intent: str | None = None
    slots: Mapping[str, str] = field(default_factory=dict)
    answer_ids: tuple[int, ...] = ()


def refers_back(question: str) -> bool:
    """Returns whether a question needs the turn before it, by its English words.

    It does where it begins as one that goes on ("and", "what about"), or is short and has a pronoun.

    Example:
        >>> refers_back("and how long does that take?"), refers_back("How do I return shoes?")
        (True, False)
    """
    words = re.findall(r"[\w']+", question.casefold())
    if len(words) <= _SHORT and any(word.partition("'")[0] in _BACK for word in words):
        return True
    opener = _OPENERS.match(question.strip())
    return opener is not None and len(words) <= 2 * _SHORT


def interpretations(question: str, turns: Sequence[Turn]) -> list[str]:
    """Returns the interpretations of a question, the likeliest first.

    A question that refers back is joined with the last one that did not, and comes alone as the second reading.
    """
    if not turns or not refers_back(question):
        return [question]
    topic = next((turn for turn in reversed(turns) if turn.understood == turn.question), turns[0])
    text = _OPENERS.sub("", question.strip(), count=1) or question
    return [f"{topic.question} {text}", question]
