"""The inbox of human agents: conversations, and the hand-overs that wait for an answer."""

from __future__ import annotations

from sqlalchemy import Select, func, select
from sqlalchemy.orm import selectinload

from tfapp.apps.shared.store import Store
from tfapp.apps.support.tables import TurnRow

__all__ = ["AgentInbox"]


class AgentInbox:
    """Shows agents the conversations and the open hand-overs; each turn comes with its corrections."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def conversation(self, name: str) -> list[TurnRow]:
        """Returns a conversation's turns, first to last; none where it has not begun."""
        return self._turns(select(TurnRow).where(TurnRow.conversation_id == name).order_by(TurnRow.number))

    def open_handovers(self, limit: int = 100) -> list[TurnRow]:
        """Returns the turns that were handed over and not reviewed yet, the longest waiting first."""
        return self._turns(_open().order_by(TurnRow.asked_at, TurnRow.id).limit(limit))

    def turn(self, name: str) -> TurnRow | None:
        """Returns a turn; None where there is no such one."""
        return next(iter(self._turns(select(TurnRow).where(TurnRow.id == name))), None)

    def open_count(self) -> int:
        """Returns how many hand-overs are open."""
        query = select(func.count()).select_from(_open().subquery())
        return self._store.read(lambda session: session.scalar(query) or 0)

    def _turns(self, query: Select[TurnRow]) -> list[TurnRow]:
        complete = query.options(selectinload(TurnRow.corrections))
        return self._store.read(lambda session: list(session.scalars(complete)))


def _open() -> Select[TurnRow]:
    return select(TurnRow).where(TurnRow.kind == "handover", ~TurnRow.corrections.any())
