"""Stores conversations in the database."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tfapp.apps.shared.store import Store
from tfapp.apps.support.dialogue import Turn
from tfapp.apps.support.reply import Reply
from tfapp.apps.support.tables import ConversationRow, TurnRow
from tfapp.core.clock import Clock

__all__ = ["ConversationLog"]


class ConversationLog:
    """Stores the turns of conversations."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def turns(self, conversation: str) -> list[Turn]:
        """Returns a conversation's turns, first to last; none where it has not begun."""
        query = select(TurnRow).where(TurnRow.conversation_id == conversation).order_by(TurnRow.number)
        return self._store.read(lambda session: [_turn(row) for row in session.scalars(query)])

    def keep(self, conversation: str, reply: Reply) -> None:
        """Stores a turn, once."""
        now = self._clock()

        def work(session: Session) -> None:
            if session.get(TurnRow, reply.turn) is not None:
                return  # it was kept, but the connection broke before that was heard
            if session.get(ConversationRow, conversation) is None:
                session.add(ConversationRow(id=conversation, started_at=now))
                session.flush()
            last = select(func.max(TurnRow.number)).where(TurnRow.conversation_id == conversation)
            number = (session.scalar(last) or 0) + 1
            session.add(_row(conversation, number, reply, asked_at=now))

        self._store.run(work)


def _row(conversation: str, number: int, reply: Reply, **values: object) -> TurnRow:
    fields = ("question", "understood", "kind", "intent", "confidence", "summary")
    return TurnRow(
        id=reply.turn,
        conversation_id=conversation,
        number=number,
        answer=reply.text,
        slots=dict(reply.slots),
        sources=[asdict(source) for source in reply.sources],
        **{name: getattr(reply, name) for name in fields},
        **values,
    )


def _turn(row: TurnRow) -> Turn:
    ids = tuple(source["answer_id"] for source in row.sources if source["answer_id"] is not None)
    return Turn(row.question, row.understood, row.kind, row.answer, row.intent, row.slots, ids)
