"""The monitor's pages: trends, alerts with the texts behind them, texts, and rejected rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tfapp.apps.monitor.queries import MonitorQueries, Trend, TrendGrouping
from tfapp.apps.monitor.service import Monitor
from tfapp.apps.monitor.tables import AlertRow
from tfapp.apps.monitor.windows import WIDTHS, Counts, WidthName
from tfapp.apps.shared.times import shift
from tfapp.core.wording import pluralize
from tfapp.errors import DataError, SettingsError
from tfapp.web.app_state import AppState, OverviewTile, StatePages, UnlabelledTexts, WebApplication
from tfapp.web.charts import Chart, Series, Window, column_chart, line_chart, spark
from tfapp.web.forms import LARGEST_KEY, whole_number
from tfapp.web.views import moved_page

__all__ = ["MONITOR", "MonitorPages"]

_BY: Final = ("topic", "source", "entity")
# Lines that can be told apart, in as many colours as the stylesheet has.
_LINES: Final = 6
_WINDOWS: Final = 48
_AROUND: Final = 24
# Windows whose texts are counted together where many lines are drawn.
_POOLED: Final = 4
_ALERTS: Final = 20
_TEXTS: Final = 20
_PAGE: Final = 50
_FILTERS: Final = ("topic", "source", "sentiment", "entity")


class MonitorPages(StatePages[AppState]):
    """The monitor's pages."""

    def routes(self) -> list[BaseRoute]:
        """Returns the routes of the pages."""
        return [
            Route("/monitor", self._dashboard),
            Route("/monitor/alerts/{alert}", self._alert),
            Route("/monitor/texts", self._texts),
            Route("/monitor/rejected", self._rejected_rows),
            moved_page("/monitor/set-aside", "/monitor/rejected"),
        ]

    def _dashboard(self, request: Request) -> Response:
        if self._state.session(MONITOR) is None:
            return self._views.page(request, "missing.html", **_MISSING)
        queries = self._queries()
        by, width = _choice(request, "by", _BY), _choice(request, "window", WIDTHS, self._monitor().settings.window)
        topic = request.query_params.get("topic") or None
        trends = queries.trends(cast(TrendGrouping, by), window=cast(WidthName, width), topic=topic, last=_WINDOWS)
        alerts = queries.alerts(limit=_ALERTS)
        return self._page(
            request,
            "monitor.html",
            by=by,
            width=width,
            widths=list(WIDTHS),
            counts=queries.counts(),
            undeliverable=queries.undeliverable(_ALERTS),
            alerts=alerts,
            open_alerts=len(queries.alerts(open_only=True)),
            trends=[(trend, spark(trend.shares), _texts_of(trend, by, topic)) for trend in trends],
            topic=topic,
            shares=_shares(trends, alerts, is_single=by == "topic" and topic is not None),
            pooled=_POOLED,
            volume=_volume(trends, "mentions" if by == "entity" else "texts"),
            newest=queries.newest(),
        )

    def _alert(self, request: Request) -> Response:
        name = request.path_params["alert"]
        if not name.isdecimal():
            raise HTTPException(404)
        queries = self._queries()
        alert = queries.alert(whole_number("the alert", name, largest=LARGEST_KEY))
        chart = self._episode_chart(queries, alert) if alert.kind == "rise" else None
        texts = queries.texts_of(alert, _TEXTS)
        return self._page(request, "monitor_alert.html", alert=alert, texts=texts, chart=chart)

    def _texts(self, request: Request) -> Response:
        queries = self._queries()
        filters: dict[str, Any] = {name: request.query_params.get(name) or None for name in _FILTERS}
        texts = queries.texts(**filters, limit=_PAGE)
        settings = self._monitor().settings
        return self._page(request, "monitor_texts.html", texts=texts, filters=filters, limit=_PAGE, settings=settings)

    def _rejected_rows(self, request: Request) -> Response:
        queries = self._queries()
        return self._page(request, "monitor_rejected.html", rows=queries.rejected_rows(_PAGE), counts=queries.counts())

    def _page(self, request: Request, template: str, **context: Any) -> Response:
        return self._views.page(request, template, negative=self._monitor().settings.negative, **context)

    def _episode_chart(self, queries: MonitorQueries, alert: AlertRow) -> Chart | None:
        """Returns a chart of the topic's share before, during and after the rise, beside the expected share."""
        end = shift(alert.end or alert.found, WIDTHS[alert.width], _AROUND // 4)
        newest = queries.newest()
        until = min(end, newest) if newest else end
        windows = (until - alert.start) // WIDTHS[alert.width] + _AROUND
        trends = queries.trends(window=alert.width, topic=alert.topic, last=min(windows, 200), until=until)
        trend = next((trend for trend in trends if trend.name == alert.topic), None)
        return None if trend is None else _expectation_chart(trend, [alert])

    def _queries(self) -> MonitorQueries:
        return self._monitor().queries

    def _monitor(self) -> Monitor:
        monitor = self._state.session(MONITOR)
        if monitor is None:
            raise DataError(f"the monitor is not set up here yet; run `{_MISSING['command']}`")
        return monitor


def _shares(trends: Sequence[Trend], alerts: Sequence[AlertRow], *, is_single: bool) -> Chart | None:
    """Returns a chart of the shares of all trends, each over some windows, because single windows have few texts."""
    if not trends:
        return None
    if is_single:
        return _expectation_chart(trends[0], [alert for alert in alerts if alert.topic == trends[0].name])
    times = [point.start for point in trends[0].points]
    series = [Series(trend.name, _pooled_shares(trend), index + 1) for index, trend in enumerate(trends[:_LINES])]
    return line_chart("Share of negative texts", times, series, _marks(alerts, times))


def _pooled_shares(trend: Trend) -> list[float | None]:
    """Returns the share over each window and those just before it."""
    points = trend.points
    parts = (points[max(0, index + 1 - _POOLED) : index + 1] for index in range(len(points)))
    return [sum((point.counts for point in part), Counts()).share for part in parts]


def _expectation_chart(trend: Trend, alerts: Sequence[AlertRow]) -> Chart:
    times = [point.start for point in trend.points]
    expected = [point.expected for point in trend.points]
    series = [Series(f"{trend.name}, negative", trend.shares, 2), Series("expected", expected, 1, dashed=True)]
    return line_chart(f"Negative share of {trend.name}", times, series, _marks(alerts, times))


def _volume(trends: Sequence[Trend], unit: str) -> Chart | None:
    if not trends:
        return None
    times = [point.start for point in trends[0].points]
    counts = [sum(trend.points[index].counts.texts for trend in trends) for index in range(len(times))]
    return column_chart(unit.capitalize(), times, counts, unit)


def _marks(alerts: Sequence[AlertRow], times: Sequence[datetime]) -> list[Window]:
    """Returns the alerts that lie in a chart, by the positions of their windows."""
    step = times[1] - times[0] if len(times) > 1 else WIDTHS["hour"]
    marks = []
    for alert in alerts:
        end = alert.end or shift(times[-1], step)
        indices = [index for index, time in enumerate(times) if shift(time, step) > alert.start and time < end]
        if alert.kind == "rise" and indices:
            marks.append(Window(indices[0], indices[-1], alert.headline))
    return marks


def _texts_of(trend: Trend, by: str, topic: str | None) -> str:
    """Returns the address of the texts of a trend."""
    return f"/monitor/texts?{urlencode({'topic': topic, by: trend.name} if topic else {by: trend.name})}"


def _choice(request: Request, name: str, choices: Mapping[Any, Any] | Sequence[str], default: str = "") -> str:
    value = request.query_params.get(name) or default or next(iter(choices))
    if value not in choices:
        raise SettingsError(f"{name}: must be one of {', '.join(choices)}, got {value[:40]!r}")
    return value


_MISSING: Final = {
    "title": "Monitor",
    "about": "Topics and sentiment of a stream of texts, with trends, and alerts when opinions change.",
    "command": "tfapp monitor run FILE.jsonl",
    "example": "tfapp monitor demo",
}


def _tile(monitor: Monitor | None) -> OverviewTile:
    if monitor is None:
        return OverviewTile("Monitor", "/monitor")
    alerts, texts = len(monitor.queries.alerts(open_only=True)), monitor.queries.counts()["texts"]
    caption = f"{'open alert' if alerts == 1 else 'open alerts'} · {pluralize(texts, 'text')}"
    return OverviewTile("Monitor", "/monitor", alerts, caption, urgent=alerts > 0)


def _unlabelled_texts(monitor: Monitor, limit: int) -> UnlabelledTexts:
    models = (monitor.settings.topic_model, monitor.settings.sentiment_model)
    return UnlabelledTexts("texts of the monitor", models, [row.text for row in monitor.queries.texts(limit=limit)])


MONITOR: Final = WebApplication(
    "monitor",
    "Monitor",
    "pulse",
    open_session=lambda home, _state: Monitor.open(home),
    close_session=lambda monitor: monitor.store.close(),
    make_pages=MonitorPages,
    templates=Path(__file__).parent / "templates",
    make_tile=_tile,
    unlabelled_texts=_unlabelled_texts,
    static=Path(__file__).parent / "static",
)
"""The application as the console mounts it."""
