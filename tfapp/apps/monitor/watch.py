"""Judges windows that are over, and those that late texts have changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, TypeVar

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tfapp.apps.clock import Clock
from tfapp.apps.monitor.alerting import Alerting
from tfapp.apps.monitor.drifts import DriftDetector, DriftRules
from tfapp.apps.monitor.episode import Detector, Episode, fold
from tfapp.apps.monitor.evidence import reference_of, sample_of
from tfapp.apps.monitor.profile import MEASURES, Profile, Sample
from tfapp.apps.monitor.rises import Point, RiseDetector, RiseRules
from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.monitor.tables import JudgementRow, MessageRow, ProgressRow, ReferenceRow, WindowRow
from tfapp.apps.monitor.windows import WIDTHS, window_start
from tfapp.apps.store import Store

__all__ = ["Watch"]

W = TypeVar("W")

# Windows that late texts may change are judged anew so far back, in lengths of the history.
_REACH: Final = 4


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
        self._width = WIDTHS[settings.window]

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
        waiting = WindowRow.judged != WindowRow.texts
        query = (
            select(WindowRow.topic, func.min(WindowRow.start).label("first"))
            .where(waiting, WindowRow.width == self._settings.window, WindowRow.by == "source")
            .where(WindowRow.start < limit)
            .group_by(WindowRow.topic)
        )
        changed = {row.topic: row.first for row in session.execute(query.order_by(WindowRow.topic))}
        if not changed:
            return 0
        earliest = window_start(progress.newest, self._settings.window) - _REACH * self._settings.history * self._width
        alerting = Alerting(session, self._settings, self._sinks, self._clock())
        for topic, first in changed.items():
            self._judge_topic(session, alerting, topic, max(first, earliest), limit)
        self._judge_drift(session, alerting, max(min(changed.values()), earliest), limit)
        session.execute(update(WindowRow).where(waiting, WindowRow.start < limit).values(judged=WindowRow.texts))
        return alerting.opened

    def _limit(self, newest: datetime, *, idle: bool, final: bool) -> datetime:
        """Windows before it are over."""
        mark = newest - timedelta(minutes=self._settings.lateness_minutes)
        if final:
            mark = newest + self._width
        elif idle:
            mark = max(mark, self._clock())
        return window_start(mark, self._settings.window)

    def _judge_topic(self, session: Session, alerting: Alerting, topic: str, first: datetime, limit: datetime) -> None:
        settings = self._settings
        topics = session.scalar(select(func.count(func.distinct(WindowRow.topic)))) or 1
        rules = RiseRules(
            width=self._width,
            alpha=settings.false_alerts / 1000 / topics,
            history=settings.history,
            least_history=settings.least_history,
            guard=settings.guard,
            spans=settings.spans,
            least_rise=settings.least_rise,
        )
        before, points = self._points(session, topic, first, limit)
        reach = _REACH * settings.history
        windows = [
            (points[place].start, points[max(0, place + 1 - reach) : place + 1]) for place in range(before, len(points))
        ]
        episodes = self._fold(session, RiseDetector(rules), f"rise:{topic}", windows, first)
        alerting.settle("rise", topic, first, episodes)

    def _points(self, session: Session, topic: str, first: datetime, limit: datetime) -> tuple[int, list[Point]]:
        """A topic's windows with texts, and how many of them are history."""
        query = (
            select(WindowRow.start, func.sum(WindowRow.texts), func.sum(WindowRow.negatives))
            .where(WindowRow.width == self._settings.window, WindowRow.by == "source", WindowRow.topic == topic)
            .group_by(WindowRow.start)
        )
        newest_first = WindowRow.start.desc()
        reach = _REACH * self._settings.history
        before = session.execute(query.where(WindowRow.start < first).order_by(newest_first).limit(reach)).all()
        now = session.execute(
            query.where(WindowRow.start >= first, WindowRow.start < limit).order_by(WindowRow.start)
        ).all()
        points = [Point(start, int(texts), int(negatives)) for start, texts, negatives in (*reversed(before), *now)]
        return len(before), points

    def _judge_drift(self, session: Session, alerting: Alerting, first: datetime, limit: datetime) -> None:
        reference = reference_of(session) or self._make_reference(session, limit, newest=False)
        if reference is None:
            return
        row, profile = reference
        rules = DriftRules(
            width=self._width,
            alpha=self._settings.false_alerts / 1000 / len(MEASURES),
            distance=self._settings.drift_distance,
            least_texts=self._settings.drift_texts,
            lasting=self._settings.history,
        )
        # The reference's own windows say nothing.
        first = max(first, window_start(row.since, self._settings.window) + self._width)
        windows = list(self._samples(session, first, limit))
        lasting = False
        for measure in MEASURES:
            values = [(start, profile.measure(measure, samples)) for start, samples in windows]
            detector = DriftDetector(rules, profile.values[measure], row.id)
            episodes = self._fold(session, detector, f"drift:{measure}", values, first)
            alerting.settle(measure, "", first, episodes)
            lasting = lasting or any(episode.ending and episode.ending.by == "lasting" for episode in episodes)
        if lasting:
            self._make_reference(session, limit, newest=True)

    def _samples(self, session: Session, first: datetime, limit: datetime) -> Iterator[tuple[datetime, list[Sample]]]:
        query = select(MessageRow).where(MessageRow.time >= first, MessageRow.time < limit)
        rows = session.scalars(query.order_by(MessageRow.time, MessageRow.id).execution_options(yield_per=1000))
        for start, found in groupby(rows, lambda row: window_start(row.time, self._settings.window)):
            yield start, [sample_of(row) for row in found]

    def _make_reference(
        self, session: Session, limit: datetime, *, newest: bool
    ) -> tuple[ReferenceRow, Profile] | None:
        """Makes a reference of the first texts, or of the newest, where there are enough."""
        order = MessageRow.time.desc() if newest else MessageRow.id
        query = select(MessageRow).where(MessageRow.time < limit).order_by(order, MessageRow.id)
        rows = list(session.scalars(query.limit(self._settings.drift_reference)))
        if len(rows) < self._settings.drift_reference:
            return None
        profile = Profile.of([sample_of(row) for row in rows])
        row = ReferenceRow(since=max(row.time for row in rows), profile=profile.to_json())
        session.add(row)
        session.flush()
        return row, profile

    def _fold(
        self,
        session: Session,
        detector: Detector[W],
        subject: str,
        windows: Sequence[tuple[datetime, W]],
        first: datetime,
    ) -> list[Episode]:
        """Judges windows from where the state before them says, and keeps the judgements."""
        width = self._settings.window
        mine = (JudgementRow.subject == subject, JudgementRow.width == width)
        before = select(JudgementRow.state).where(*mine, JudgementRow.start < first).order_by(JudgementRow.start.desc())
        verdicts, episodes = fold(detector, windows, session.scalars(before.limit(1)).first())
        for start, verdict in verdicts:
            session.merge(
                JudgementRow(
                    subject=subject,
                    width=width,
                    start=start,
                    p_value=verdict.p_value,
                    expected=verdict.expected,
                    state=dict(verdict.state),
                )
            )
        return episodes
