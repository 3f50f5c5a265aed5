"""Stores the episodes that detectors found as alerts and queues them for the sinks, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from tfapp.apps.monitor.alert_texts import alert_texts
from tfapp.apps.monitor.episode import Ending, Episode
from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.monitor.tables import AlertKind, AlertRow, DeliveryRow
from tfapp.data.stored_texts import digest

__all__ = ["AlertWriter"]


class AlertWriter:
    """Writes the alerts of one transaction."""

    def __init__(self, session: Session, settings: MonitorSettings, sinks: Sequence[str], now: datetime) -> None:
        self._session = session
        self._settings = settings
        self._sinks = sinks
        self._now = now
        self.opened = 0

    def update_alerts(self, kind: AlertKind, topic: str, since: datetime, episodes: Sequence[Episode]) -> None:
        """Updates the alerts of a subject to the current episodes of its windows.

        An episode that overlaps an alert is that alert, even if late texts have moved its beginning; so there is no
        second one. An alert that was found in these windows and has no episode any more was taken back by late texts.

        Args:
            kind: The kind of alert.
            topic: Its topic, or "".
            since: The first window of this evaluation.
            episodes: Those that went on then or began since.
        """
        query = select(AlertRow).where(AlertRow.kind == kind, AlertRow.topic == topic)
        query = query.where(AlertRow.width == self._settings.window)
        overlap = or_(AlertRow.end.is_(None), AlertRow.end >= since, AlertRow.found >= since)
        rows = list(self._session.scalars(query.where(overlap).order_by(AlertRow.start)))
        for episode in episodes:
            candidates = [row for row in rows if row.start == episode.start]
            row = next((row for row in (*candidates, *rows) if _overlap(row, episode)), None)
            if row is None:
                row = self._open(kind, topic, episode)
            else:
                rows.remove(row)
            self._end(row, episode.ending)
        for row in rows:
            if row.found >= since:
                self._end(row, Ending(row.start, "late texts"))

    def _open(self, kind: AlertKind, topic: str, episode: Episode) -> AlertRow:
        row = AlertRow(
            key=digest(kind, topic, self._settings.window, episode.start.isoformat()),
            kind=kind,
            topic=topic,
            width=self._settings.window,
            opened_at=self._now,
            **{name: value for name, value in vars(episode).items() if name != "ending"},
        )
        alert = self._session.scalars(select(AlertRow).where(AlertRow.key == row.key)).first()
        if alert is not None:
            return alert  # it was taken back by late texts, and later ones give it again
        self._session.add(row)
        self._session.flush()
        self.opened += 1
        self._tell(row, "opened")
        return row

    def _end(self, row: AlertRow, ending: Ending | None) -> None:
        was_open = row.end is None
        row.end, row.ended_by = (ending.end, ending.by) if ending else (None, None)
        if was_open and ending:
            self._tell(row, "ended")

    def _tell(self, row: AlertRow, event: str) -> None:
        query = select(DeliveryRow.sink).where(DeliveryRow.alert_id == row.id, DeliveryRow.event == event)
        queued_sinks = set(self._session.scalars(query))
        texts = alert_texts(self._session, row, self._settings, self._settings.texts) if event == "opened" else []
        payload = {"event": event, "alert": row.to_dict(), "texts": [text.to_dict() for text in texts]}
        for sink in self._sinks:
            if sink not in queued_sinks:
                key = digest(row.key, event, sink)
                self._session.add(
                    DeliveryRow(
                        key=key, alert_id=row.id, sink=sink, event=event, payload=payload, due_at=self._now, tries=0
                    )
                )
        self._session.flush()


def _overlap(row: AlertRow, episode: Episode) -> bool:
    end = episode.ending.end if episode.ending else None
    if row.start == episode.start:
        return True
    return (end is None or row.start < end) and (row.end is None or episode.start < row.end)
