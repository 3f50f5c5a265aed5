"""Delivers queued notifications to the sinks, with retries."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, case, literal, or_, select, update
from sqlalchemy.orm import Session

from tfapp.apps.monitor.sinks.sink import Sink, SinkError
from tfapp.apps.monitor.tables import DeliveryRow
from tfapp.apps.shared.store import Store, UtcTime
from tfapp.core.clock import Clock
from tfapp.errors import StoreError

__all__ = ["Deliveries"]

_log = logging.getLogger(__name__)

_AT_ONCE: Final = 100
_LONGEST_PAUSE: Final = timedelta(hours=1)
# Tries after which the pauses grow no more.
_GROWING: Final = 13
_LONGEST_LOOK: Final = 60.0


class Deliveries:
    """The queue of notifications for the sinks.

    It is filled in the transaction that writes the alert, so a crash loses none; what was sent just before a crash is
    sent again, with the same key. A sink that fails or is slow holds up no other one; what was tried too often is kept
    as undeliverable.
    """

    def __init__(self, store: Store, sinks: Iterable[Sink], clock: Clock, most_tries: int = 84) -> None:
        self._store = store
        self._sinks = {sink.name: sink for sink in sinks}
        self._clock = clock
        self._most_tries = most_tries

    def send_due(self, sink: str | None = None) -> int:
        """Tries each due notification once, of one sink or of all, and returns how many were delivered."""
        query = (
            select(DeliveryRow)
            .where(DeliveryRow.delivered_at.is_(None), DeliveryRow.failed_at.is_(None))
            .where(_is_due(self._clock()))
            .where(DeliveryRow.sink.in_(self._sinks if sink is None else [sink]))
            .order_by(DeliveryRow.id)
            .limit(_AT_ONCE)
        )
        rows = self._store.read(lambda session: list(session.scalars(query)))
        return sum(self._send(row) for row in rows)

    def resend(self, alert: int | None = None) -> int:
        """Queues undeliverable notifications again, of one alert or of all, with new tries, and returns how many."""
        statement = update(DeliveryRow).where(DeliveryRow.failed_at.is_not(None))
        if alert is not None:
            statement = statement.where(DeliveryRow.alert_id == alert)
        statement = statement.values(failed_at=None, tries=0, due_at=self._clock()).returning(DeliveryRow.id)
        return self._store.run(lambda session: len(session.scalars(statement).all()))

    @contextmanager
    def delivery_threads(self, seconds: float = 1.0) -> Iterator[None]:
        """Delivers notifications while the block runs and once at its end, each sink in a thread of its own.

        Args:
            seconds: Between two looks; where they fail, ever more.
        """
        stop = threading.Event()
        threads = [threading.Thread(target=self._run, args=(sink, stop, seconds), daemon=True) for sink in self._sinks]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def _run(self, sink: str, stop: threading.Event, seconds: float) -> None:
        pause, is_last = seconds, False
        while not is_last:
            is_last = stop.wait(pause)
            try:
                self.send_due(sink)
                pause = seconds
            except Exception as error:  # noqa: BLE001 - of those that are no outage, the log has the trace
                pause = min(2 * pause, _LONGEST_LOOK)
                if isinstance(error, StoreError):
                    _log.warning("alerts to %s wait for the database: %s", sink, error)
                else:
                    _log.exception("alerts to %s could not be sent, and are tried again", sink)

    def _send(self, row: DeliveryRow) -> bool:
        problem: str | None = None
        try:
            self._sinks[row.sink].send(row.payload, row.key)
        except Exception as error:  # noqa: BLE001 - one delivery's failure is no other's
            problem = str(error) if isinstance(error, SinkError) else f"{type(error).__name__}: {error}"
        last = row.tries + 1 >= self._most_tries
        if problem is not None:
            outcome = f"was tried {row.tries + 1} times, and is kept as undeliverable" if last else "is tried again"
            _log.warning("%s could not be told of alert %d, and %s: %s", row.sink, row.alert_id, outcome, problem)
        now = self._clock()

        def work(session: Session) -> None:
            delivery = session.get_one(DeliveryRow, row.id)
            delivery.tries = row.tries + 1
            delivery.error = problem
            if problem is None:
                delivery.delivered_at = now
            elif last:
                delivery.failed_at = now
            else:
                delivery.due_at = now + _pause(row.tries + 1)

        self._store.run(work)
        return problem is None


def _pause(tries: int) -> timedelta:
    """Returns how long a notification waits after so many failures."""
    return min(timedelta(seconds=2 ** min(tries - 1, _GROWING)), _LONGEST_PAUSE) if tries else timedelta()


def _is_due(now: datetime) -> ColumnElement[bool]:
    """Returns the condition of notifications that are due, also after the clock was set back."""
    limits = {tries: literal(now + _pause(tries), UtcTime) for tries in range(_GROWING)}
    limit = case(limits, value=DeliveryRow.tries, else_=literal(now + _LONGEST_PAUSE, UtcTime))
    return or_(DeliveryRow.due_at <= now, DeliveryRow.due_at > limit)
