"""The knowledge of a customer service: questions, answers, intents and vectors, in its database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tfapp.apps.shared.ingest import BatchResult, FileIngest, IngestResult
from tfapp.apps.shared.record_reader import RejectedRow
from tfapp.apps.shared.store import Store, chunks
from tfapp.apps.shared.vector_store import VectorStore
from tfapp.apps.support.qa_pairs import QAPair
from tfapp.apps.support.tables import BuildRow, IntentRow, PairRow, RejectedPairRow, TextRow, VectorRow
from tfapp.core.clock import Clock
from tfapp.data.stored_texts import digest, text_key

__all__ = ["Knowledge", "add_pairs"]


class Knowledge:
    """Stores questions with their answers and intents, each text and each pair once."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._ingest = FileIngest(store, clock, ingests=BuildRow, rejected=RejectedPairRow, keep=_keep)

    @property
    def vectors(self) -> VectorStore:
        """Returns the store of the texts' vectors."""
        return VectorStore(self._store, VectorRow, VectorRow.text_id, select(TextRow.id, TextRow.text))

    def add(self, source: str, rows: Iterable[QAPair | RejectedRow]) -> IngestResult:
        """Ingests pairs, and rows that are rejected already; known pairs stay as they are."""
        return self._ingest.add(source, rows)

    def set_answers(self, answers: Mapping[str, str]) -> None:
        """Sets the answers of intents, and adds intents that no question has yet."""

        def work(session: Session) -> None:
            rows = _intents(session, answers)
            for name, answer in answers.items():
                rows[name].answer = answer

        self._store.run(work)

    def labelled_questions(self) -> list[tuple[str, str]]:
        """Returns the questions with their intents, in the order in which they came."""
        query = (
            select(TextRow.text, IntentRow.name)
            .join(PairRow, PairRow.question_id == TextRow.id)
            .join(IntentRow, IntentRow.id == PairRow.intent_id)
            .where(PairRow.fits)
            .order_by(PairRow.id)
        )
        return self._store.read(lambda session: [(text, name) for text, name in session.execute(query)])

    def answers(self) -> dict[str, str]:
        """Returns the intents that have an answer, with it."""
        query = select(IntentRow.name, IntentRow.answer).where(IntentRow.answer.is_not(None))
        return self._store.read(lambda session: {name: answer for name, answer in session.execute(query) if answer})

    def counts(self) -> dict[str, int]:
        """Returns the numbers of texts, pairs, intents and rejected rows of all builds."""
        tables = {"texts": TextRow, "pairs": PairRow, "intents": IntentRow, "rejected": RejectedPairRow}
        return self._store.read(
            lambda session: {
                name: session.scalar(select(func.count()).select_from(table)) or 0 for name, table in tables.items()
            }
        )

    def rejected_rows(self, limit: int = 100) -> list[dict[str, object]]:
        """Returns the latest rejected rows, as `FileIngest.rejected_rows` does."""
        return self._ingest.rejected_rows(limit)


def add_pairs(
    session: Session, pairs: Sequence[QAPair], *, source: str, now: datetime, verdict: bool | None = None
) -> int:
    """Adds the pairs that are new and returns how many there were.

    A person's `verdict` says that they fit, or do not, which holds for known pairs, too; None: a file has them, and
    known pairs stay as they are.
    """
    texts = _texts(session, [text for row in pairs for text in (row.question, row.answer) if text])
    intents = _intents(session, [row.intent for row in pairs if row.intent])
    rows_by_key = {_pair_key(row): row for row in pairs}
    pairs_by_key = {
        pair.key: pair
        for part in chunks(rows_by_key)
        for pair in session.scalars(select(PairRow).where(PairRow.key.in_(part)))
    }
    for pair in pairs_by_key.values():
        pair.fits = pair.fits if verdict is None else verdict
    for key, row in rows_by_key.items():
        if key not in pairs_by_key:
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
    return len(rows_by_key) - len(pairs_by_key)


def _texts(session: Session, texts: Iterable[str]) -> dict[str, int]:
    """Returns the ids of texts by key, and adds those that are new."""
    texts_by_key = {text_key(text): text for text in reversed(list(texts))}
    query = select(TextRow.key, TextRow.id)
    ids = {
        key: number
        for part in chunks(texts_by_key)
        for key, number in session.execute(query.where(TextRow.key.in_(part)))
    }
    new = [TextRow(key=key, text=text) for key, text in reversed(texts_by_key.items()) if key not in ids]
    session.add_all(new)
    session.flush()
    return ids | {row.key: row.id for row in new}


def _intents(session: Session, names: Iterable[str]) -> dict[str, IntentRow]:
    unique_names = list(dict.fromkeys(names))
    rows_by_name = {row.name: row for row in session.scalars(select(IntentRow).where(IntentRow.name.in_(unique_names)))}
    new = [IntentRow(name=name, answer=None) for name in unique_names if name not in rows_by_name]
    session.add_all(new)
    session.flush()
    return rows_by_name | {row.name: row for row in new}


def _pair_key(row: QAPair) -> str:
    parts = (text_key(row.question), text_key(row.answer) if row.answer else "", row.intent or "")
    return digest(*parts)


def _keep(session: Session, rows: Sequence[QAPair], source: str, now: datetime) -> BatchResult:
    return BatchResult(add_pairs(session, rows, source=source, now=now))
