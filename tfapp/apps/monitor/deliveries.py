"""Tells the sinks what is queued for them, until they have taken it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tfapp.apps.clock import Clock
from tfapp.apps.monitor.sinks import Sink, SinkError
from tfapp.apps.monitor.tables import DeliveryRow
from tfapp.apps.store import Store
from tfapp.errors import StoreError

__all__ = ["Deliveries"]

_log = logging.getLogger(__name__)

_AT_ONCE: Final = 100
_LONGEST_PAUSE: Final = timedelta(hours=1)


class Deliveries:
    """The queue of what sinks are to be told.

    It is filled in the transaction that writes the alert, so a crash loses none; what was sent just before a crash is
    sent again, with the same key.

    Args:
        store: The database.
        sinks: Who is told.
        clock: Tells when to try again.
    """

    def __init__(self, store: Store, sinks: Iterable[Sink], clock: Clock) -> None:
        self._store = store
        self._sinks = {sink.name: sink for sink in sinks}
        self._clock = clock

    def send_due(self) -> int:
        """Tries what is due once; says how much was delivered. A sink that fails is tried again, ever more rarely."""
        due = (
            select(DeliveryRow)
            .where(DeliveryRow.delivered_at.is_(None), DeliveryRow.due_at <= self._clock())
            .where(DeliveryRow.sink.in_(self._sinks))
            .order_by(DeliveryRow.id)
            .limit(_AT_ONCE)
        )
        rows = self._store.read(lambda session: list(session.scalars(due)))
        return sum(self._send(row) for row in rows)

    def run(self, stop: threading.Event, seconds: float = 1.0) -> None:
        """Sends what is due again and again, until `stop`; where the database is away, later."""
        while not stop.wait(seconds):
            try:
                self.send_due()
            except StoreError as error:
                _log.warning("alerts wait for the database: %s", error)

    def _send(self, row: DeliveryRow) -> bool:
        problem: str | None = None
        try:
            self._sinks[row.sink].send(row.payload, row.key)
        except SinkError as error:
            problem = str(error)
            _log.warning("%s could not be told of an alert, and is tried again: %s", row.sink, problem)
        now = self._clock()

        def work(session: Session) -> None:
            kept = session.get_one(DeliveryRow, row.id)
            kept.tries = row.tries + 1
            kept.error = problem
            if problem is None:
                kept.delivered_at = now
            else:
                kept.due_at = now + min(timedelta(seconds=2 ** min(row.tries, 12)), _LONGEST_PAUSE)

        self._store.run(work)
        return problem is None
