"""Evaluates windows that are over, and those that late texts have changed, and raises alerts."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from tfapp.apps.monitor.alert_writer import AlertWriter
from tfapp.apps.monitor.detector_state import REACH, DetectorState
from tfapp.apps.monitor.drift_detector import DriftEvaluator
from tfapp.apps.monitor.message_store import RejectedMessage, add_rejected
from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.monitor.share_change_detector import ShareChangeDetector, SharePoint
from tfapp.apps.monitor.tables import ProgressRow, WindowRow
from tfapp.apps.monitor.windows import WIDTHS, window_start
from tfapp.apps.shared.record_reader import RejectedRow
from tfapp.apps.shared.store import Store
from tfapp.apps.shared.times import shift
from tfapp.core.clock import Clock

__all__ = ["WindowEvaluator"]

_log = logging.getLogger(__name__)

_SHOWN: Final = 2000
_MINUTE: Final = timedelta(minutes=1)


class WindowEvaluator:
    """Evaluates the stored windows for rises and drifts, and raises alerts.

    Everything that it must remember is in the database, and a window's evaluation follows from the counts alone. So it
    may be stopped anywhere, and what it found is written once, whoever evaluates a window again.
    """

    def __init__(self, store: Store, settings: MonitorSettings, clock: Clock, sinks: Sequence[str] = ()) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._sinks = tuple(sinks)

    def evaluate(self, *, idle: bool = False, final: bool = False) -> int:
        """Evaluates the windows that have changed and are over, and returns how many alerts were raised.

        Args:
            idle: No texts come at the moment: windows are over when the clock says so.
            final: No texts will come: all windows are over.
        """
        return self._store.run(lambda session: self._evaluate(session, idle=idle, final=final))

    def _evaluate(self, session: Session, *, idle: bool, final: bool) -> int:
        # Whoever adds texts locks this row, too, so the counts stay as they are meanwhile.
        progress = session.scalars(select(ProgressRow).with_for_update()).first()
        if progress is None or progress.newest is None:
            return 0
        limit = self._limit(progress.newest, idle=idle, final=final)
        first_windows = self._first_changes(session, limit)
        if not first_windows:
            return 0
        alert_writer = AlertWriter(session, self._settings, self._sinks, self._clock())
        alpha = self._settings.false_alerts / 1000 / self._topics(session, limit)
        for topic, first in first_windows.items():
            with self._isolate(session, f"the topic {topic}", first):
                self._evaluate_topic(session, topic, first, limit, alpha=alpha, alert_writer=alert_writer)
        earliest = min(first_windows.values())
        with self._isolate(session, "drift", earliest):
            DriftEvaluator(session, self._settings, alert_writer).evaluate(earliest, limit)
        changes = (WindowRow.judged != WindowRow.texts, WindowRow.start < limit)
        session.execute(update(WindowRow).where(*changes).values(judged=WindowRow.texts))
        return alert_writer.opened

    @contextmanager
    def _isolate(self, session: Session, subject: str, since: datetime) -> Iterator[None]:
        """Undoes and reports a failed evaluation of one subject, so that the others are evaluated."""
        try:
            with session.begin_nested():
                yield
        except Exception as error:
            if isinstance(error, (OperationalError, InterfaceError)) or getattr(error, "connection_invalidated", False):
                raise  # it is the database that fails
            _log.exception(
                "%s since %s could not be evaluated, and is tried again when its texts change", subject, since
            )
            reason = f"its windows could not be evaluated: {type(error).__name__}: {error}"[:_SHOWN]
            row = RejectedMessage("alerts", f"{subject} since {since.isoformat()}", RejectedRow(1, reason, ""))
            add_rejected(session, [row], self._clock(), self._settings.set_aside_rows)

    def _limit(self, newest: datetime, *, idle: bool, final: bool) -> datetime:
        """Returns the time before which windows are over."""
        mark = shift(newest, _MINUTE, -self._settings.lateness_minutes)
        if final:
            mark = shift(newest, WIDTHS[self._settings.window])
        elif idle:
            mark = max(mark, self._clock())
        return window_start(mark, self._settings.window)

    def _first_changes(self, session: Session, limit: datetime) -> dict[str, datetime]:
        """Returns the topics with windows that are over and have changed, with the first of these."""
        query = (
            select(WindowRow.topic, func.min(WindowRow.start).label("first"))
            .where(WindowRow.judged != WindowRow.texts, WindowRow.width == self._settings.window)
            .where(WindowRow.by == "source", WindowRow.start < limit)
            .group_by(WindowRow.topic)
        )
        return {row.topic: row.first for row in session.execute(query.order_by(WindowRow.topic))}

    def _topics(self, session: Session, limit: datetime) -> int:
        """Returns the number of topics, over which false alerts are shared out."""
        since = shift(limit, WIDTHS[self._settings.window], -REACH * self._settings.history)
        query = select(func.count(func.distinct(WindowRow.topic))).where(
            WindowRow.width == self._settings.window, WindowRow.start >= since
        )
        return session.scalar(query) or 1

    def _evaluate_topic(
        self,
        session: Session,
        topic: str,
        since: datetime,
        limit: datetime,
        *,
        alpha: float,
        alert_writer: AlertWriter,
    ) -> None:
        state = DetectorState(session, self._settings, f"rise:{topic}")
        first = state.begin(since)
        before, points = self._points(session, topic, first, limit)
        reach = REACH * self._settings.history
        indices = range(before, len(points))
        windows = [(points[index].start, points[max(0, index + 1 - reach) : index + 1]) for index in indices]
        episodes = state.evaluate(ShareChangeDetector(self._settings, alpha), windows, first)
        alert_writer.update_alerts("rise", topic, first, episodes)

    def _points(self, session: Session, topic: str, first: datetime, limit: datetime) -> tuple[int, list[SharePoint]]:
        """Returns a topic's windows with texts, and how many of them are history."""
        query = (
            select(WindowRow.start, func.sum(WindowRow.texts), func.sum(WindowRow.negatives))
            .where(WindowRow.width == self._settings.window, WindowRow.by == "source", WindowRow.topic == topic)
            .group_by(WindowRow.start)
        )
        reach, newest_first = REACH * self._settings.history, WindowRow.start.desc()
        before = session.execute(query.where(WindowRow.start < first).order_by(newest_first).limit(reach)).all()
        now = query.where(WindowRow.start >= first, WindowRow.start < limit).order_by(WindowRow.start)
        rows = (*reversed(before), *session.execute(now))
        return len(before), [SharePoint(start, int(texts), int(negatives)) for start, texts, negatives in rows]
