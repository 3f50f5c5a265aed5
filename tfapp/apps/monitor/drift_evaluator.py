"""Evaluates windows for drift of their texts from the reference."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from tfapp.apps.monitor.alert_texts import reference_of, sample_of
from tfapp.apps.monitor.alert_writer import AlertWriter
from tfapp.apps.monitor.detector_state import DetectorState
from tfapp.apps.monitor.drift_detector import DriftDetector
from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.monitor.tables import MessageRow, ReferenceRow
from tfapp.apps.monitor.text_profile import MEASURES, Sample, TextProfile
from tfapp.apps.monitor.windows import WIDTHS, window_start
from tfapp.apps.shared.times import shift

__all__ = ["DriftEvaluator"]


class DriftEvaluator:
    """Evaluates windows for drift, in one transaction.

    The reference is made of the first texts, when there are enough; once a drift has lasted, of the newest.
    """

    def __init__(self, session: Session, settings: MonitorSettings, alert_writer: AlertWriter) -> None:
        self._session = session
        self._settings = settings
        self._alert_writer = alert_writer

    def evaluate(self, changed: datetime, limit: datetime) -> None:
        """Evaluates the windows from `changed` on; those before `limit` are over."""
        reference = reference_of(self._session) or self._make_reference(limit, newest=False)
        if reference is None:
            return
        row, profile = reference
        # The reference's own windows say nothing.
        after = shift(window_start(row.since, self._settings.window), WIDTHS[self._settings.window])
        states = {name: DetectorState(self._session, self._settings, f"drift:{name}") for name in MEASURES}
        first = states[MEASURES[0]].begin(max(changed, after))
        windows = list(self._windows(first, limit))
        lasting = False
        for measure in MEASURES:
            values = [(start, profile.measure(measure, samples)) for start, samples in windows]
            detector = DriftDetector(self._settings, profile.values[measure], row.id)
            episodes = states[measure].evaluate(detector, values, first)
            self._alert_writer.update_alerts(measure, "", first, episodes)
            lasting = lasting or any(episode.ending and episode.ending.by == "lasting" for episode in episodes)
        if lasting:
            self._make_reference(limit, newest=True)

    def _windows(self, first: datetime, limit: datetime) -> Iterator[tuple[datetime, list[Sample]]]:
        query = select(MessageRow).where(MessageRow.time >= first, MessageRow.time < limit)
        rows = self._session.scalars(query.order_by(MessageRow.time, MessageRow.id).execution_options(yield_per=1000))
        for start, messages in groupby(rows, lambda row: window_start(row.time, self._settings.window)):
            yield start, [sample_of(row) for row in messages]

    def _make_reference(self, limit: datetime, *, newest: bool) -> tuple[ReferenceRow, TextProfile] | None:
        order = MessageRow.time.desc() if newest else MessageRow.id
        query = select(MessageRow).where(MessageRow.time < limit).order_by(order, MessageRow.id)
        rows = list(self._session.scalars(query.limit(self._settings.drift_reference)))
        if len(rows) < self._settings.drift_reference:
            return None
        profile = TextProfile.of([sample_of(row) for row in rows])
        row = ReferenceRow(since=max(row.time for row in rows), profile=profile.to_json())
        self._session.add(row)
        self._session.flush()
        return row, profile
