"""The inbox of human agents: conversations, and the hand-overs that wait for an answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session

from tfapp.apps.shared.store import Store
from tfapp.apps.support.reply import AnswerSource
from tfapp.apps.support.tables import CorrectionRow, TurnRow

__all__ = ["AgentInbox", "StoredTurn", "TurnReview"]


@dataclass(frozen=True)
class TurnReview:
    """A person's last review of a turn: `right`, `wrong`, or `better` with the answer or the intent."""

    id: str
    verdict: str
    better: str | None
    intent: str | None
    given_at: datetime


@dataclass(frozen=True)
class StoredTurn:
    """A turn as it is stored.

    Attributes:
        id: Names it, for a correction.
        conversation: The conversation's name.
        question: What was asked.
        understood: The question with what it refers to.
        kind: How it was answered; see `Reply`.
        answer: What was said.
        intent: The intent, if one was found.
        confidence: From 0 to 1.
        sources: Where the answer comes from.
        summary: For the person who takes over; empty where nobody has to.
        asked_at: When.
        review: What a person said of it last; None: nothing yet.
    """

    id: str
    conversation: str
    question: str
    understood: str
    kind: str
    answer: str
    intent: str | None
    confidence: float
    sources: tuple[AnswerSource, ...]
    summary: str
    asked_at: datetime
    review: TurnReview | None


class AgentInbox:
    """Shows agents the conversations and the open hand-overs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def conversation(self, name: str) -> list[StoredTurn]:
        """Returns a conversation's turns, first to last; none where it has not begun."""
        query = select(TurnRow).where(TurnRow.conversation_id == name).order_by(TurnRow.number)
        return self._store.read(lambda session: _turns(session, session.scalars(query)))

    def open_handovers(self, most: int = 100) -> list[StoredTurn]:
        """Returns the turns that were handed over and not reviewed yet, the longest waiting first."""
        query = _open().order_by(TurnRow.asked_at, TurnRow.id).limit(most)
        return self._store.read(lambda session: _turns(session, session.scalars(query)))

    def turn(self, name: str) -> StoredTurn | None:
        """Returns a turn; None where there is no such one."""
        query = select(TurnRow).where(TurnRow.id == name)
        turns = self._store.read(lambda session: _turns(session, session.scalars(query)))
        return turns[0] if turns else None

    def waiting(self) -> int:
        """Returns how many hand-overs are open."""
        query = select(func.count()).select_from(_open().subquery())
        return self._store.read(lambda session: session.scalar(query) or 0)


def _open() -> Select[TurnRow]:
    judged = exists().where(CorrectionRow.turn_id == TurnRow.id)
    return select(TurnRow).where(TurnRow.kind == "handover", ~judged)


def _turns(session: Session, rows: Iterable[TurnRow]) -> list[StoredTurn]:
    turns = list(rows)
    query = select(CorrectionRow).where(CorrectionRow.turn_id.in_([row.id for row in turns]))
    # The last one of each turn stays.
    corrections = {
        row.turn_id: row for row in session.scalars(query.order_by(CorrectionRow.given_at, CorrectionRow.id))
    }
    return [_turn(row, corrections.get(row.id)) for row in turns]


def _turn(row: TurnRow, correction: CorrectionRow | None) -> StoredTurn:
    return StoredTurn(
        row.id,
        row.conversation_id,
        row.question,
        row.understood,
        row.kind,
        row.answer,
        row.intent,
        row.confidence,
        tuple(AnswerSource(**source) for source in row.sources),
        row.summary,
        row.asked_at,
        TurnReview(correction.id, correction.verdict, correction.better, correction.intent, correction.given_at)
        if correction
        else None,
    )
