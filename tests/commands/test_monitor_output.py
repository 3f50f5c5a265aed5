"""What `tfapp monitor` draws."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tfapp.apps.monitor.reading import Trend, TrendPoint
from tfapp.apps.monitor.windows import Counts
from tfapp.commands._monitor_output import sparkline


def trend(*counts: tuple[int, int]) -> Trend:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    points = [TrendPoint(start + timedelta(hours=n), Counts(*pair)) for n, pair in enumerate(counts)]
    return Trend("tech", tuple(points), sum((point.counts for point in points), Counts()))


def test_a_trend_is_a_block_a_window_and_a_blank_where_there_is_nothing() -> None:
    assert sparkline(trend((8, 0), (8, 4), (0, 0), (8, 8)), 10) == "▁▅ █"


def test_where_there_is_no_room_windows_are_taken_together() -> None:
    assert sparkline(trend((9, 9), (1, 0), (0, 0), (0, 0), (4, 1)), 3) == "█ ▃"
