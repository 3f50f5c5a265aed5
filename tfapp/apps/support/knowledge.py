"""What the customer service knows: questions, answers, intents, and the texts' vectors, in its database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Final, TypeVar
from uuid import uuid4

import numpy as np
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from tfapp.apps.clock import Clock
from tfapp.apps.records import SetAside
from tfapp.apps.store import Store
from tfapp.apps.support.exchanges import Exchange
from tfapp.apps.support.tables import BuildRow, IntentRow, PairRow, SetAsideRow, TextRow, VectorRow
from tfapp.apps.texts import digest, storable
from tfapp.data.cleaning import normalize_text

__all__ = ["Addition", "Knowledge", "add_pairs", "text_key"]

T = TypeVar("T")
# Rows of one transaction: a killed build loses as many, and reads them again.
_BATCH: Final = 500


@dataclass(frozen=True)
class Addition:
    """What came of reading a file.

    Attributes:
        rows: Rows read.
        added: Questions that came with something new.
        repeated: Rows that said what was known.
        set_aside: Rows that could not be used; the database has them, with their reasons.
        reasons: How many of them by reason.
    """

    rows: int
    added: int
    repeated: int
    set_aside: int
    reasons: Mapping[str, int]


class Knowledge:
    """Questions with their answers and intents; each text is kept once, and so is each pair."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def add(self, source: str, rows: Iterable[Exchange | SetAside]) -> Addition:
        """Takes rows in, in transactions of some hundreds; what is known already is left as it is.

        Args:
            source: Where they come from, for the answers' sources.
            rows: Exchanges, and rows that are set aside.

        Returns:
            What came of it; of a build that was killed, the rest is read by the next one.
        """
        now = self._clock()
        build = BuildRow(id=uuid4().hex, source=source, started_at=now, rows=0, added=0, repeated=0, set_aside=0)
        self._store.run(lambda session: session.merge(build))
        done = 0
        for batch in _batches(rows):
            self._store.run(partial(self._take, build_id=build.id, batch=batch, done=done))
            done += len(batch)
        return self._store.run(lambda session: self._finish(session, build.id))

    def set_answers(self, answers: Mapping[str, str]) -> None:
        """Gives intents their answers; an intent that no question has yet is made."""

        def work(session: Session) -> None:
            known = _intents(session, answers)
            for name, answer in answers.items():
                known[name].answer = answer

        self._store.run(work)

    def unembedded(self, embedder: str) -> list[tuple[int, str]]:
        """The texts that have no vector of this embedder, as (id, text)."""
        vector = select(VectorRow.text_id).where(VectorRow.embedder == embedder)
        query = select(TextRow.id, TextRow.text).where(TextRow.id.not_in(vector)).order_by(TextRow.id)
        return self._store.run(lambda session: [(key, text) for key, text in session.execute(query)])

    def keep_vectors(self, embedder: str, ids: Sequence[int], vectors: np.ndarray) -> None:
        """Keeps texts' vectors, in place of another embedder's.

        Args:
            embedder: What made them, as NAME/VERSION.
            ids: N texts.
            vectors: float32 [N, width].
        """
        values = [row.astype("<f4").tobytes() for row in vectors]

        def work(session: Session) -> None:
            session.execute(delete(VectorRow).where(VectorRow.text_id.in_(ids)))
            new = [VectorRow(text_id=key, embedder=embedder, value=v) for key, v in zip(ids, values, strict=True)]
            session.add_all(new)

        self._store.run(work)

    def vector_ids(self, embedder: str) -> list[int]:
        """The texts that have a vector of this embedder."""
        query = select(VectorRow.text_id).where(VectorRow.embedder == embedder)
        return self._store.run(lambda session: list(session.scalars(query)))

    def vectors(self, embedder: str, ids: Sequence[int]) -> np.ndarray:
        """Vectors of texts that have one; float32 [N, width]."""
        query = select(VectorRow.text_id, VectorRow.value).where(VectorRow.embedder == embedder)

        def work(session: Session) -> dict[int, bytes]:
            parts = (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))
            return {
                key: value for part in parts for key, value in session.execute(query.where(VectorRow.text_id.in_(part)))
            }

        found = self._store.run(work)
        return np.stack([np.frombuffer(found[key], "<f4") for key in ids])

    def embedder(self) -> str | None:
        """What made most of the vectors, as NAME/VERSION; None where there are none."""
        count = func.count(VectorRow.text_id)
        query = select(VectorRow.embedder).group_by(VectorRow.embedder).order_by(count.desc(), VectorRow.embedder)
        return self._store.run(lambda session: session.scalars(query.limit(1)).first())

    def labelled(self) -> list[tuple[str, str]]:
        """Questions with their intents, in the order in which they came."""
        query = (
            select(TextRow.text, IntentRow.name)
            .join(PairRow, PairRow.question_id == TextRow.id)
            .join(IntentRow, IntentRow.id == PairRow.intent_id)
            .where(PairRow.fits)
            .order_by(PairRow.id)
        )
        return self._store.run(lambda session: [(text, name) for text, name in session.execute(query)])

    def answers(self) -> dict[str, str]:
        """The intents that have an answer, with it."""
        query = select(IntentRow.name, IntentRow.answer).where(IntentRow.answer.is_not(None))
        return self._store.run(lambda session: {name: answer for name, answer in session.execute(query) if answer})

    def counts(self) -> dict[str, int]:
        """How many texts, pairs and intents there are, and how many rows were set aside, of all builds."""
        tables = {"texts": TextRow, "pairs": PairRow, "intents": IntentRow, "set_aside": SetAsideRow}
        return self._store.run(
            lambda session: {
                name: session.scalar(select(func.count()).select_from(table)) or 0 for name, table in tables.items()
            }
        )

    def set_aside(self, most: int = 100) -> list[dict[str, object]]:
        """The rows that were set aside last: source, line, reason, content; newest build first."""
        query = (
            select(BuildRow.source, SetAsideRow.line, SetAsideRow.reason, SetAsideRow.content)
            .join(BuildRow, BuildRow.id == SetAsideRow.build_id)
            .order_by(BuildRow.started_at.desc(), SetAsideRow.line)
            .limit(most)
        )
        return self._store.run(lambda session: [dict(row._mapping) for row in session.execute(query)])

    def _take(self, session: Session, build_id: str, batch: Sequence[Exchange | SetAside], done: int) -> None:
        build = session.get_one(BuildRow, build_id)
        if build.rows > done:
            return  # it was kept, but the connection broke before that was heard
        exchanges = [row for row in batch if isinstance(row, Exchange)]
        aside = [row for row in batch if isinstance(row, SetAside)]
        session.add_all(SetAsideRow(build_id=build_id, **_kept(row)) for row in aside)
        added = add_pairs(session, exchanges, source=build.source, now=self._clock())
        build.rows += len(batch)
        build.added += added
        build.repeated += len(exchanges) - added
        build.set_aside += len(aside)

    def _finish(self, session: Session, build_id: str) -> Addition:
        build = session.get_one(BuildRow, build_id)
        build.finished_at = self._clock()
        count = func.count()
        query = select(SetAsideRow.reason, count).where(SetAsideRow.build_id == build_id).group_by(SetAsideRow.reason)
        reasons = {row.reason: int(row[1]) for row in session.execute(query.order_by(count.desc()))}
        return Addition(build.rows, build.added, build.repeated, build.set_aside, reasons)


def text_key(text: str) -> str:
    """The digest by which texts that differ in white space, in case or in their Unicode form are one."""
    return digest(normalize_text(text).casefold())


def add_pairs(
    session: Session, exchanges: Sequence[Exchange], *, source: str, now: datetime, verdict: bool | None = None
) -> int:
    """Adds the pairs that are new.

    Args:
        session: In a transaction.
        exchanges: The pairs.
        source: Where they come from.
        now: The time.
        verdict: A person says that they fit, or do not, which holds for known pairs, too; None: a file has them, and
            known pairs stay as they are.

    Returns:
        How many were new.
    """
    texts = _texts(session, [text for row in exchanges for text in (row.question, row.answer) if text])
    intents = _intents(session, [row.intent for row in exchanges if row.intent])
    wanted = {_pair_key(row): row for row in exchanges}
    known = {
        pair.key: pair
        for part in _batches(wanted)
        for pair in session.scalars(select(PairRow).where(PairRow.key.in_(part)))
    }
    for pair in known.values():
        pair.fits = pair.fits if verdict is None else verdict
    for key, row in wanted.items():
        if key not in known:
            pair = PairRow(
                key=key,
                question_id=texts[text_key(row.question)],
                answer_id=texts[text_key(row.answer)] if row.answer else None,
                intent_id=intents[row.intent].id if row.intent else None,
                source=source,
                line=row.line,
                fits=verdict is not False,
                added_at=now,
            )
            session.add(pair)
    return len(wanted) - len(known)


def _texts(session: Session, texts: Iterable[str]) -> dict[str, int]:
    """The ids of texts by key; makes those that are new."""
    wanted = {text_key(text): text for text in reversed(list(texts))}
    query = select(TextRow.key, TextRow.id)
    known = {
        key: number for part in _batches(wanted) for key, number in session.execute(query.where(TextRow.key.in_(part)))
    }
    new = [TextRow(key=key, text=text) for key, text in reversed(wanted.items()) if key not in known]
    session.add_all(new)
    session.flush()
    return known | {row.key: row.id for row in new}


def _intents(session: Session, names: Iterable[str]) -> dict[str, IntentRow]:
    wanted = list(dict.fromkeys(names))
    known = {row.name: row for row in session.scalars(select(IntentRow).where(IntentRow.name.in_(wanted)))}
    new = [IntentRow(name=name, answer=None) for name in wanted if name not in known]
    session.add_all(new)
    session.flush()
    return known | {row.name: row for row in new}


def _pair_key(row: Exchange) -> str:
    parts = (text_key(row.question), text_key(row.answer) if row.answer else "", row.intent or "")
    return digest(*parts)


def _kept(row: SetAside) -> dict[str, int | str]:
    return {"line": row.line, "reason": storable(row.reason), "content": storable(row.content)}


def _batches(rows: Iterable[T]) -> Iterator[list[T]]:
    left = iter(rows)
    while batch := list(islice(left, _BATCH)):
        yield batch
