"""Stores the state of detectors after each window, so that they continue where they stopped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tfapp.apps.monitor.episode import Detector, Episode, fold
from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.monitor.tables import DetectorStateRow
from tfapp.apps.monitor.windows import WIDTHS
from tfapp.apps.shared.times import shift

__all__ = ["REACH", "DetectorState"]

W = TypeVar("W")

REACH: Final = 4
"""Windows that late texts may change are evaluated again so far back, in lengths of the history."""


class DetectorState:
    """The stored detector state of one subject, such as `rise:TOPIC`, in one transaction."""

    def __init__(self, session: Session, settings: MonitorSettings, subject: str) -> None:
        self._session = session
        self._settings = settings
        self._subject = subject
        self._conditions = (DetectorStateRow.subject == subject, DetectorStateRow.width == settings.window)

    def begin(self, since: datetime) -> datetime:
        """Returns where evaluation begins: at the first window that has changed, but no further back than `REACH`."""
        last = self._session.scalar(select(func.max(DetectorStateRow.start)).where(*self._conditions))
        if last is None:
            return since
        return max(since, shift(last, WIDTHS[self._settings.window], -REACH * self._settings.history))

    def evaluate(self, detector: Detector[W], windows: Sequence[tuple[datetime, W]], first: datetime) -> list[Episode]:
        """Evaluates windows, each with its first moment, from the state before `first`, and stores the results."""
        before = select(DetectorStateRow.state).where(*self._conditions, DetectorStateRow.start < first)
        state = self._session.scalars(before.order_by(DetectorStateRow.start.desc()).limit(1)).first()
        verdicts, episodes = fold(detector, windows, state)
        for start, verdict in verdicts:
            row = DetectorStateRow(subject=self._subject, width=self._settings.window, start=start)
            row.p_value, row.expected, row.state = verdict.p_value, verdict.expected, dict(verdict.state)
            self._session.merge(row)
        return episodes
