"""Judges windows that are over, and those that late texts have changed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from tfapp.apps.monitor.alerting import Alerting
from tfapp.apps.monitor.archive import Refused, add_refused
from tfapp.apps.monitor.drift_watch import DriftWatch
from tfapp.apps.monitor.judgements import REACH, Judgements
from tfapp.apps.monitor.rises import Point, RiseDetector, RiseRules
from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.monitor.tables import ProgressRow, WindowRow
from tfapp.apps.monitor.windows import WIDTHS, window_start
from tfapp.apps.shared.records import SetAside
from tfapp.apps.shared.store import Store
from tfapp.apps.shared.times import shift
from tfapp.core.clock import Clock

__all__ = ["Watch"]

_log = logging.getLogger(__name__)

_SHOWN: Final = 2000
_MINUTE: Final = timedelta(minutes=1)


class Watch:
    """Looks for rises and drifts in what is stored.

    Everything that it must remember is in the database, and a window's judgement follows from the counts alone. So it
    may be stopped anywhere, and what it found is written once, whoever judges a window again.

    Args:
        store: The database.
        settings: What is an alert.
        clock: Tells when an alert was raised.
        sinks: Who is told of alerts.
    """

    def __init__(self, store: Store, settings: MonitorSettings, clock: Clock, sinks: Sequence[str] = ()) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._sinks = tuple(sinks)

    def judge(self, *, idle: bool = False, final: bool = False) -> int:
        """Judges the windows that have changed and are over; says how many alerts were raised.

        Args:
            idle: No texts come at the moment: windows are over when the clock says so.
            final: No texts will come: all windows are over.
        """
        return self._store.run(lambda session: self._judge(session, idle=idle, final=final))

    def _judge(self, session: Session, *, idle: bool, final: bool) -> int:
        # Whoever adds texts locks this row, too, so the counts stay as they are meanwhile.
        progress = session.scalars(select(ProgressRow).with_for_update()).first()
        if progress is None or progress.newest is None:
            return 0
        limit = self._limit(progress.newest, idle=idle, final=final)
        changed = self._changed(session, limit)
        if not changed:
            return 0
        alerting = Alerting(session, self._settings, self._sinks, self._clock())
        rules = self._rules(self._topics(session, limit))
        for topic, first in changed.items():
            with self._set_aside(session, f"the topic {topic}", first):
                self._judge_topic(session, topic, first, limit, rules=rules, alerting=alerting)
        earliest = min(changed.values())
        with self._set_aside(session, "drift", earliest):
            DriftWatch(session, self._settings, alerting).judge(earliest, limit)
        waiting = (WindowRow.judged != WindowRow.texts, WindowRow.start < limit)
        session.execute(update(WindowRow).where(*waiting).values(judged=WindowRow.texts))
        return alerting.opened

    @contextmanager
    def _set_aside(self, session: Session, what: str, since: datetime) -> Iterator[None]:
        """Around what judges one subject: where it fails, it is undone and told, and the others are judged."""
        try:
            with session.begin_nested():
                yield
        except Exception as error:
            if isinstance(error, (OperationalError, InterfaceError)) or getattr(error, "connection_invalidated", False):
                raise  # it is the database that fails
            _log.exception("%s since %s could not be judged, and is judged again when its texts change", what, since)
            reason = f"its windows could not be judged: {type(error).__name__}: {error}"[:_SHOWN]
            row = Refused("alerts", f"{what} since {since.isoformat()}", SetAside(1, reason, ""))
            add_refused(session, [row], self._clock(), self._settings.set_aside_rows)

    def _limit(self, newest: datetime, *, idle: bool, final: bool) -> datetime:
        """Windows before it are over."""
        mark = shift(newest, _MINUTE, -self._settings.lateness_minutes)
        if final:
            mark = shift(newest, WIDTHS[self._settings.window])
        elif idle:
            mark = max(mark, self._clock())
        return window_start(mark, self._settings.window)

    def _changed(self, session: Session, limit: datetime) -> dict[str, datetime]:
        """The topics with windows that are over and not judged as they are now, with the first of these."""
        query = (
            select(WindowRow.topic, func.min(WindowRow.start).label("first"))
            .where(WindowRow.judged != WindowRow.texts, WindowRow.width == self._settings.window)
            .where(WindowRow.by == "source", WindowRow.start < limit)
            .group_by(WindowRow.topic)
        )
        return {row.topic: row.first for row in session.execute(query.order_by(WindowRow.topic))}

    def _topics(self, session: Session, limit: datetime) -> int:
        """How many topics there are, over which false alerts are shared out."""
        since = shift(limit, WIDTHS[self._settings.window], -REACH * self._settings.history)
        query = select(func.count(func.distinct(WindowRow.topic))).where(
            WindowRow.width == self._settings.window, WindowRow.start >= since
        )
        return session.scalar(query) or 1

    def _judge_topic(
        self, session: Session, topic: str, changed: datetime, limit: datetime, *, rules: RiseRules, alerting: Alerting
    ) -> None:
        judgements = Judgements(session, self._settings, f"rise:{topic}")
        first = judgements.begin(changed)
        before, points = self._points(session, topic, first, limit)
        reach = REACH * self._settings.history
        places = range(before, len(points))
        windows = [(points[place].start, points[max(0, place + 1 - reach) : place + 1]) for place in places]
        episodes = judgements.judge(RiseDetector(rules), windows, first)
        alerting.settle("rise", topic, first, episodes)

    def _rules(self, topics: int) -> RiseRules:
        settings = self._settings
        return RiseRules(
            width=WIDTHS[settings.window],
            alpha=settings.false_alerts / 1000 / topics,
            history=settings.history,
            least_history=settings.least_history,
            guard=settings.guard,
            spans=settings.spans,
            least_rise=settings.least_rise,
        )

    def _points(self, session: Session, topic: str, first: datetime, limit: datetime) -> tuple[int, list[Point]]:
        """A topic's windows with texts, and how many of them are history."""
        query = (
            select(WindowRow.start, func.sum(WindowRow.texts), func.sum(WindowRow.negatives))
            .where(WindowRow.width == self._settings.window, WindowRow.by == "source", WindowRow.topic == topic)
            .group_by(WindowRow.start)
        )
        reach, newest_first = REACH * self._settings.history, WindowRow.start.desc()
        before = session.execute(query.where(WindowRow.start < first).order_by(newest_first).limit(reach)).all()
        now = query.where(WindowRow.start >= first, WindowRow.start < limit).order_by(WindowRow.start)
        rows = (*reversed(before), *session.execute(now))
        return len(before), [Point(start, int(texts), int(negatives)) for start, texts, negatives in rows]
