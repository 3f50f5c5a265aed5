"""Queries of a monitor's database, for commands and pages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from tfapp.apps.monitor.alert_texts import alert_texts
from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.monitor.tables import (
    KINDS,
    AlertKind,
    AlertRow,
    DeliveryRow,
    DetectorStateRow,
    MentionRow,
    MessageRow,
    ProgressRow,
    RejectedMessageRow,
    WindowRow,
)
from tfapp.apps.monitor.windows import WIDTHS, Counts, WidthName, window_start
from tfapp.apps.shared.store import Store
from tfapp.apps.shared.times import shift
from tfapp.errors import SettingsError

__all__ = ["MonitorQueries", "Trend", "TrendGrouping", "TrendPoint"]

TrendGrouping = Literal["topic", "source", "entity"]


@dataclass(frozen=True)
class TrendPoint:
    """A window of a trend: its first moment, its counts, and the expected share of negatives.

    `expected` is None where the window was not evaluated, or is not of one topic.
    """

    start: datetime
    counts: Counts
    expected: float | None = None


@dataclass(frozen=True)
class Trend:
    """The trend of a topic, a source or an entity (TAG:WORDS).

    It has one point a window, in order, the empty ones too; `total` is all of them together.
    """

    name: str
    points: tuple[TrendPoint, ...]
    total: Counts

    @property
    def shares(self) -> tuple[float | None, ...]:
        """Returns the negative share of each window; None for an empty one."""
        return tuple(point.counts.share for point in self.points)


class MonitorQueries:
    """Reads trends, alerts and texts from a monitor's database; changes nothing, and needs no model."""

    def __init__(self, store: Store, settings: MonitorSettings) -> None:
        self._store = store
        self._settings = settings

    def trends(
        self,
        by: TrendGrouping = "topic",
        *,
        window: WidthName | None = None,
        topic: str | None = None,
        source: str | None = None,
        last: int = 48,
        until: datetime | None = None,
        limit: int = 20,
    ) -> list[Trend]:
        """Returns the trends of topics, sources or entities, those with most texts first.

        Args:
            by: What a trend is of.
            window: The windows' width; None: that in which alerts are looked for.
            topic: Of this topic's texts alone.
            source: Of this source's texts alone; goes with `by="topic"`.
            last: The number of windows.
            until: Up to the window that this time lies in; None: up to the newest text.
            limit: So many trends at most.

        Raises:
            SettingsError: An argument is none of those that there are.
        """
        width: WidthName = window or self._settings.window
        _check("window", width, WIDTHS)
        _check("by", by, ("topic", "source", "entity"))
        if source is not None and by != "topic":
            raise SettingsError("source goes with by topic; of other trends it is not counted")
        newest = until or self.newest()
        if newest is None:
            return []
        end = window_start(newest, width)
        # The first time that there is, once.
        starts = list(dict.fromkeys(shift(end, WIDTHS[width], -index) for index in reversed(range(last))))
        query = _counts(by, width, topic, source).where(WindowRow.start >= starts[0], WindowRow.start <= end)
        expected = self._expected_shares(width, starts[0]) if by == "topic" else {}

        def work(session: Session) -> list[Trend]:
            counts_by_name: defaultdict[str, dict[datetime, Counts]] = defaultdict(dict)
            for key, start, *numbers in session.execute(query):
                counts_by_name[key][start] = Counts(*(int(number) for number in numbers))
            trends = [_trend(key, starts, counts, expected) for key, counts in counts_by_name.items()]
            return sorted(trends, key=lambda trend: (-trend.total.texts, trend.name))[:limit]

        return self._store.read(work)

    def alerts(
        self, *, kind: AlertKind | None = None, topic: str | None = None, open_only: bool = False, limit: int = 100
    ) -> list[AlertRow]:
        """Returns the alerts, newest first.

        Args:
            kind: Of this kind alone: `rise`, `vocabulary`, `length` or `confidence`.
            topic: Of this topic alone.
            open_only: Only open alerts.
            limit: So many at most.

        Raises:
            SettingsError: There is no such kind.
        """
        query = select(AlertRow).order_by(AlertRow.start.desc(), AlertRow.id.desc()).limit(limit)
        if kind is not None:
            _check("kind", kind, KINDS)
            query = query.where(AlertRow.kind == kind)
        if topic is not None:
            query = query.where(AlertRow.topic == topic)
        if open_only:
            query = query.where(AlertRow.end.is_(None))
        return self._store.read(lambda session: list(session.scalars(query)))

    def alert(self, number: int) -> AlertRow:
        """Returns one alert.

        Raises:
            SettingsError: There is none of this number.
        """
        # Databases count in 63 bits, and refuse to be asked for more.
        is_possible = number.bit_length() < 64
        row = self._store.read(lambda session: session.get(AlertRow, number)) if is_possible else None
        if row is None:
            raise SettingsError(f"no alert {number}; `tfapp monitor alerts` lists them")
        return row

    def texts_of(self, alert: AlertRow, limit: int | None = None) -> list[MessageRow]:
        """Returns the texts behind an alert, the most telling first; by default as many as the settings say."""
        return self._store.read(
            lambda session: alert_texts(session, alert, self._settings, limit or self._settings.texts)
        )

    def texts(
        self,
        *,
        topic: str | None = None,
        source: str | None = None,
        sentiment: str | None = None,
        entity: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
    ) -> list[MessageRow]:
        """Returns texts, newest first, filtered by the arguments."""
        query = select(MessageRow).order_by(MessageRow.time.desc(), MessageRow.id.desc()).limit(limit)
        filters = {"topic": topic, "source": source, "sentiment": sentiment}
        query = query.filter_by(**{name: value for name, value in filters.items() if value is not None})
        if entity is not None:
            mention = select(MentionRow.message_id).where(MentionRow.entity == entity)
            query = query.where(MessageRow.id.in_(mention))
        if since is not None:
            query = query.where(MessageRow.time >= since)
        if until is not None:
            query = query.where(MessageRow.time < until)
        return self._store.read(lambda session: list(session.scalars(query)))

    def newest(self) -> datetime | None:
        """Returns the time of the newest text."""
        return self._store.read(lambda session: session.scalars(select(ProgressRow.newest)).first())

    def counts(self) -> dict[str, int]:
        """Returns the numbers of texts, alerts, repeated and rejected rows, and notifications to deliver.

        `rejected_kept` of the rejected rows are stored; `undelivered` waits to be sent, `undeliverable` was
        tried too often.
        """
        tables = {"texts": MessageRow, "rejected_kept": RejectedMessageRow, "alerts": AlertRow}
        delivery_count = select(func.count()).select_from(DeliveryRow).where(DeliveryRow.delivered_at.is_(None))
        deliveries = {
            "undelivered": DeliveryRow.failed_at.is_(None),
            "undeliverable": DeliveryRow.failed_at.is_not(None),
        }

        def work(session: Session) -> dict[str, int]:
            counts = {name: session.scalar(select(func.count()).select_from(row)) or 0 for name, row in tables.items()}
            counts |= {name: session.scalar(delivery_count.where(clause)) or 0 for name, clause in deliveries.items()}
            progress = session.get(ProgressRow, 1)
            duplicates, rejected = (progress.repeated, progress.rejected) if progress else (0, 0)
            return {**counts, "rejected": rejected, "repeated": duplicates}

        return self._store.read(work)

    def rejected_rows(self, limit: int = 100) -> list[dict[str, object]]:
        """Returns the latest rejected rows: source, place, reason, content."""
        columns = (getattr(RejectedMessageRow, name) for name in ("source", "place", "reason", "content"))
        query = select(*columns).order_by(RejectedMessageRow.id.desc()).limit(limit)
        return self._store.read(lambda session: [dict(row._mapping) for row in session.execute(query)])

    def undeliverable(self, limit: int = 100) -> list[dict[str, object]]:
        """Returns undeliverable notifications, last first: sink, event, alert (its number), tries, error, failed_at."""
        names = ("sink", "event", "alert_id", "tries", "error", "failed_at")
        columns = (getattr(DeliveryRow, name) for name in names)
        query = select(*columns).where(DeliveryRow.failed_at.is_not(None))
        query = query.order_by(DeliveryRow.failed_at.desc(), DeliveryRow.id.desc()).limit(limit)
        return self._store.read(lambda session: [dict(row._mapping) for row in session.execute(query)])

    def _expected_shares(self, width: WidthName, since: datetime) -> dict[tuple[str, datetime], float]:
        """Returns the expected share by topic and window."""
        query = select(DetectorStateRow.subject, DetectorStateRow.start, DetectorStateRow.expected).where(
            DetectorStateRow.width == width,
            DetectorStateRow.start >= since,
            DetectorStateRow.subject.startswith("rise:"),
        )

        def work(session: Session) -> dict[tuple[str, datetime], float]:
            rows = session.execute(query.where(DetectorStateRow.expected.is_not(None))).tuples()
            shares = {(subject.removeprefix("rise:"), start): share for subject, start, share in rows}
            return {key: share for key, share in shares.items() if share is not None}

        return self._store.read(work)


def _counts(by: TrendGrouping, width: WidthName, topic: str | None, source: str | None) -> Select[Any]:
    """Selects the name, window and counts of topics, sources or entities."""
    name = WindowRow.topic if by == "topic" else WindowRow.name
    sums = (func.sum(getattr(WindowRow, field)) for field in Counts.__dataclass_fields__)
    query = select(name, WindowRow.start, *sums).group_by(name, WindowRow.start)
    query = query.where(WindowRow.width == width, WindowRow.by == ("source" if by == "topic" else by))
    if topic is not None:
        query = query.where(WindowRow.topic == topic)
    if source is not None:
        query = query.where(WindowRow.name == source)
    return query


def _trend(
    name: str,
    starts: Sequence[datetime],
    counts: dict[datetime, Counts],
    expected: dict[tuple[str, datetime], float],
) -> Trend:
    points = tuple(TrendPoint(start, counts.get(start, Counts()), expected.get((name, start))) for start in starts)
    return Trend(name, points, sum((point.counts for point in points), Counts()))


def _check(name: str, value: str, choices: Collection[str]) -> None:
    if value not in choices:
        raise SettingsError(f"{name} {value}: must be one of {', '.join(choices)}")
