"""Pools of unlabelled texts, and a model's answers to them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from sqlalchemy import Select, exists, func, or_, select, update
from sqlalchemy.orm import Session

from tfapp.apps.feedback.tables import LabelRow, PoolRow, PoolTextRow
from tfapp.apps.shared.store import Store, chunks
from tfapp.core.clock import Clock
from tfapp.data.stored_texts import checked_name, digest, text_key
from tfapp.errors import DataError

__all__ = ["PoolProgress", "Pools", "ScoredText", "UncertaintyMeasure"]

UncertaintyMeasure = Literal["margin", "entropy"]


@dataclass(frozen=True)
class ScoredText:
    """A version's answer to a text: its label, its probability, and its uncertainty by each measure."""

    id: int
    predicted: str
    score: float
    margin: float
    entropy: float


@dataclass(frozen=True)
class PoolProgress:
    """The numbers of texts of a pool: all, scored, labelled and skipped."""

    texts: int
    scored: int
    labelled: int
    skipped: int


class Pools:
    """The pools in the database; a text is in a pool once."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def add(
        self, name: str, model: str, texts: Iterable[str], *, count_rejected: Callable[[], int] = lambda: 0
    ) -> PoolRow:
        """Adds texts to the pool of this name and model; those that it has are left as they are.

        Args:
            name: What the texts are called.
            model: The model that is to be asked about them.
            texts: The texts.
            count_rejected: Is called after the last text, and returns how many rows held none.

        Raises:
            DataError: There is no text.
        """
        pool_name, now = checked_name("the pool's name", name), self._clock()
        key = digest(model, pool_name)
        values = {"id": key, "name": pool_name, "model": model, "labels": [], "rejected": 0, "added_at": now}
        count = 0
        for batch in chunks(texts):
            self._store.run(partial(_take, pool=values, texts=batch))
            count += len(batch)
        if not count:
            raise DataError(f"{pool_name}: no text in it; give a file with one text per row")
        self._store.run(lambda session: setattr(session.get_one(PoolRow, key), "rejected", count_rejected()))
        return self.get(key)

    def get(self, pool: str) -> PoolRow:
        """Returns a pool by its key.

        Raises:
            DataError: There is none.
        """
        row = self._store.read(lambda session: session.get(PoolRow, pool))
        if row is None:
            raise DataError(f"no pool {pool[:40]}; the labelling page lists them")
        return row

    def all(self) -> list[PoolRow]:
        """Returns all pools, newest first."""
        query = select(PoolRow).order_by(PoolRow.added_at.desc(), PoolRow.id)
        return self._store.read(lambda session: list(session.scalars(query)))

    def progress(self, pool: PoolRow) -> PoolProgress:
        """Returns the progress of a pool."""
        has_label, count = _has_label(pool), func.count(PoolTextRow.id)
        skip_count = count.filter(PoolTextRow.skipped, ~has_label)
        query = select(count, func.count(PoolTextRow.version), count.filter(has_label), skip_count)
        query = query.where(PoolTextRow.pool_id == pool.id)
        return self._store.read(lambda session: PoolProgress(*session.execute(query).one()))

    def least_certain(
        self, pool: PoolRow, measure: UncertaintyMeasure = "margin", *, limit: int = 1, without: Collection[int] = ()
    ) -> list[PoolTextRow]:
        """Returns the unlabelled texts that the model is least sure of; those not scored yet come last."""
        column = PoolTextRow.margin if measure == "margin" else PoolTextRow.entropy
        texts = _unlabelled_texts(pool).where(PoolTextRow.id.not_in(list(without)))
        # Two queries, so that each is in the order of an index.
        head = texts.where(column.is_not(None)).order_by(column.desc()).limit(limit)
        tail = texts.where(column.is_(None)).order_by(PoolTextRow.id)

        def work(session: Session) -> list[PoolTextRow]:
            rows = list(session.scalars(head))
            rows += session.scalars(tail.limit(limit - len(rows))) if len(rows) < limit else []
            return rows

        return self._store.read(work)

    def text(self, pool: PoolRow, text: int) -> PoolTextRow:
        """Returns one text of a pool.

        Raises:
            DataError: The pool has no such text.
        """
        query = select(PoolTextRow).where(PoolTextRow.pool_id == pool.id, PoolTextRow.id == text)
        row = self._store.read(lambda session: session.scalars(query).first())
        if row is None:
            raise DataError(f"{pool.name}: no text {text} in this pool; open the pool again")
        return row

    def texts_to_score(self, pool: PoolRow, version: int, limit: int, *, after: int = 0) -> list[tuple[int, str]]:
        """Returns the texts after an id that wait for a label and for a version's answer, as (id, text), in order."""
        has_no_answer = or_(PoolTextRow.version.is_(None), PoolTextRow.version != version)
        query = (
            _unlabelled_texts(pool).where(has_no_answer, PoolTextRow.id > after).order_by(PoolTextRow.id).limit(limit)
        )
        return self._store.read(lambda session: [(row.id, row.text) for row in session.scalars(query)])

    def keep_scores(
        self, pool: PoolRow, version: int, answers: Sequence[ScoredText], *, labels: Sequence[str], multi_label: bool
    ) -> None:
        """Stores a version's answers, and the labels that it knows."""
        rows: list[dict[str, Any]] = [{"version": version, **vars(item)} for item in answers]

        def work(session: Session) -> None:
            session.execute(update(PoolTextRow), rows)
            row = session.get_one(PoolRow, pool.id)
            row.labels, row.multi_label = list(labels), multi_label

        self._store.run(work)

    def skip(self, pool: PoolRow, text: int) -> None:
        """Skips a text, which is not shown again."""
        statement = update(PoolTextRow).where(PoolTextRow.pool_id == pool.id, PoolTextRow.id == text)
        self._store.run(lambda session: session.execute(statement.values(skipped=True)))


def _take(session: Session, pool: Mapping[str, Any], texts: Sequence[str]) -> None:
    if session.get(PoolRow, pool["id"]) is None:
        session.add(PoolRow(**pool))
        session.flush()
    texts_by_key = {text_key(text): text for text in texts}
    query = select(PoolTextRow.key).where(PoolTextRow.pool_id == pool["id"], PoolTextRow.key.in_(texts_by_key))
    keys = set(session.scalars(query))
    rows = (
        PoolTextRow(pool_id=pool["id"], key=key, text=text) for key, text in texts_by_key.items() if key not in keys
    )
    session.add_all(rows)


def _has_label(pool: PoolRow) -> Any:
    return exists().where(LabelRow.model == pool.model, LabelRow.key == PoolTextRow.key)


def _unlabelled_texts(pool: PoolRow) -> Select[PoolTextRow]:
    return select(PoolTextRow).where(PoolTextRow.pool_id == pool.id, ~PoolTextRow.skipped, ~_has_label(pool))
