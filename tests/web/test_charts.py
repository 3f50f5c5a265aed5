from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tfapp.web.charts import Series, Window, column_chart, curve_chart, line_chart, spark

START = datetime(2026, 3, 1, tzinfo=UTC)
SHARES = st.lists(st.none() | st.floats(0, 1), min_size=1, max_size=60)


def times(count: int) -> list[datetime]:
    return [START + timedelta(hours=number) for number in range(count)]


@given(SHARES)
def test_a_line_has_a_point_for_each_value_inside_the_chart(values: list[float | None]) -> None:
    chart = line_chart("x", times(len(values)), [Series("a", values)])
    points = re.findall(r"[ML]([\d.]+) ([\d.]+)", chart.lines[0].path)
    places = [place for place, value in enumerate(values) if value is not None]
    assert len(points) == len(places)
    step = 1000 / len(values)
    for (x, y), place in zip(points, places, strict=True):
        assert place * step <= float(x) <= (place + 1) * step
        assert 0 <= float(y) <= 100
    assert len(chart.columns) == len(values)


def test_a_gap_breaks_the_line_and_a_lone_value_is_a_dot() -> None:
    assert spark([0.5, None, 1.0, 0.0]) == "M125.0 50.0h.1M625.0 0.0L875.0 100.0"


def test_the_axis_ends_at_a_round_share_above_all() -> None:
    chart = line_chart("x", times(2), [Series("a", [0.43, 0.1])])
    assert chart.values == ("60 %", "45 %", "30 %", "15 %", "0 %")
    assert chart.columns[1].title == "1 Mar 01:00: a 10 %"
    assert line_chart("x", [], []).dates == ()


def test_an_alert_covers_its_windows() -> None:
    chart = line_chart("x", times(10), [Series("a", [0.1] * 10)], [Window(2, 4, "rise")])
    assert (chart.bands[0].x, chart.bands[0].width) == (200, 300)


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=50))
def test_columns_are_as_high_as_their_counts(counts: list[int]) -> None:
    chart = column_chart("x", times(len(counts)), counts, "texts")
    top = float(chart.values[0])
    assert top >= max(counts)
    assert top <= max(2, 2 * max(counts))
    for column, count in zip(chart.columns, counts, strict=True):
        assert abs(column.height * top / 100 - count) < 1e-6 * top
        assert column.y + column.height == 100 or abs(column.y + column.height - 100) < 1e-6


def test_curves_of_several_trainings_share_their_scales() -> None:
    chart = curve_chart("x", {"a": [(0, 1.0), (100, 0.5)], "b": [(50, 1.5)]})
    assert [line.name for line in chart.lines] == ["a", "b"]
    assert [line.path for line in chart.lines] == ["M0.0 50.0L1000.0 95.5", "M500.0 4.5h.1"]
    assert chart.values == ("1.55", "1.28", "1", "0.725", "0.45")
    assert chart.dates == ("step 0", "step 100")
    flat = curve_chart("x", {"a": [(0, 0.0), (0, 0.0)]})
    assert flat.lines[0].path == "M0.0 50.0L0.0 50.0"
