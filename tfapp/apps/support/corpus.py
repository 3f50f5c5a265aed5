"""The known texts and their answers, in memory, for search."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from sqlalchemy import select
from sqlalchemy.orm import Session

from tfapp.apps.shared.store import Store
from tfapp.apps.support.tables import IntentRow, PairRow, TextRow

__all__ = ["Corpus", "KnownAnswer", "Link"]


@dataclass(frozen=True)
class KnownAnswer:
    """A known answer, which texts lead to; without an `answer_id` it is its intent's, which may have none yet."""

    answer_id: int | None
    intent: str | None
    text: str | None


@dataclass(frozen=True)
class Link:
    """A link from a text to an answer, with its source."""

    target: KnownAnswer
    source: str
    line: int


@dataclass(frozen=True)
class Corpus:
    """The known texts and the answers that they lead to.

    Attributes:
        texts: Each text by its id.
        links: By a text's id, the pairs in which it is the question or the answer.
        questions: A question's id by its key.
        refused: By a question's key, the targets that people said are wrong for it.
    """

    texts: Mapping[int, str]
    links: Mapping[int, tuple[Link, ...]]
    questions: Mapping[str, int]
    refused: Mapping[str, frozenset[KnownAnswer]]

    @classmethod
    def read(cls, store: Store) -> Self:
        """Reads the corpus in one transaction."""
        return store.read(cls._read)

    @classmethod
    def _read(cls, session: Session) -> Self:
        rows = session.execute(select(TextRow.id, TextRow.text, TextRow.key)).all()
        texts, keys = {row.id: row.text for row in rows}, {row.id: row.key for row in rows}
        links: defaultdict[int, list[Link]] = defaultdict(list)
        questions: dict[str, int] = {}
        rejections: defaultdict[str, set[KnownAnswer]] = defaultdict(set)
        query = select(PairRow, IntentRow).outerjoin(IntentRow, IntentRow.id == PairRow.intent_id).order_by(PairRow.id)
        for pair, intent in session.execute(query):
            target = _target(pair, intent, texts)
            if not pair.fits:
                rejections[keys[pair.question_id]].add(target)
                continue
            link = Link(target, pair.source, pair.line)
            questions[keys[pair.question_id]] = pair.question_id
            links[pair.question_id].append(link)
            if pair.answer_id is not None:
                links[pair.answer_id].append(link)
        refused_answers = {key: frozenset(targets) for key, targets in rejections.items()}
        return cls(texts, {key: tuple(answers) for key, answers in links.items()}, questions, refused_answers)


def _target(pair: PairRow, intent: IntentRow | None, texts: Mapping[int, str]) -> KnownAnswer:
    name = intent.name if intent else None
    if pair.answer_id is not None:
        # The same answer under two intents is one answer.
        return KnownAnswer(pair.answer_id, None, texts[pair.answer_id])
    return KnownAnswer(None, name, intent.answer if intent else None)
