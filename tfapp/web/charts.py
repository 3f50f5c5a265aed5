"""The geometry of charts; `templates/charts.html` draws them as SVG, with the words beside it as text.

A chart is 1000 wide and 100 high and is stretched to its box, so that words keep their size on a small screen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

__all__ = [
    "Band",
    "Chart",
    "Column",
    "Line",
    "Series",
    "Window",
    "column_chart",
    "curve_chart",
    "line_chart",
    "spark",
    "step_chart",
]

WIDTH: Final = 1000.0
HEIGHT: Final = 100.0
_TICKS: Final = 4
_MOST_DATES: Final = 5
_COLORS: Final = 6


@dataclass(frozen=True)
class Series:
    """The values of a line, one per window, None where there is none.

    Attributes:
        name: For the legend.
        values: From 0.
        color: 1 to 6, as the stylesheet has them.
        dashed: Whether it is something that was expected.
    """

    name: str
    values: Sequence[float | None]
    color: int = 1
    dashed: bool = False


@dataclass(frozen=True)
class Window:
    """A marked span of time: the indices of its first and last window, and its title."""

    first: int
    last: int
    title: str


@dataclass(frozen=True)
class Line:
    """A drawn series; `path` is SVG's."""

    name: str
    path: str
    color: int
    dashed: bool


@dataclass(frozen=True)
class Band:
    """A drawn span of time."""

    x: float
    width: float
    title: str


@dataclass(frozen=True)
class Column:
    """A window's position and title; `y` and `height` are 0 in a chart of lines."""

    x: float
    width: float
    y: float
    height: float
    title: str


@dataclass(frozen=True)
class Chart:
    """A drawn chart.

    Attributes:
        title: For those who cannot see it.
        lines: The series.
        bands: What is marked.
        columns: The windows.
        values: Words of the upright axis, from above to below.
        dates: Words of the other one, from left to right.
    """

    title: str
    lines: tuple[Line, ...]
    bands: tuple[Band, ...]
    columns: tuple[Column, ...]
    values: tuple[str, ...]
    dates: tuple[str, ...]


def line_chart(
    title: str, times: Sequence[datetime], series: Sequence[Series], windows: Iterable[Window] = ()
) -> Chart:
    """Returns a chart of shares from 0 to 1.

    Args:
        title: What it shows.
        times: The windows' first moments.
        series: The lines, with as many values.
        windows: Stretches of time to mark.
    """
    highest = max((value for line in series for value in line.values if value is not None), default=0.0)
    top = max(0.2, min(1.0, math.ceil(5 * highest) / 5))
    lines = tuple(Line(line.name, _path(line.values, top), line.color, line.dashed) for line in series)
    step = WIDTH / max(1, len(times))
    titles = [_title(time, series, index) for index, time in enumerate(times)]
    columns = tuple(Column(index * step, step, 0, 0, text) for index, text in enumerate(titles))
    values = tuple(f"{100 * top * tick / _TICKS:.0f} %" for tick in reversed(range(_TICKS + 1)))
    bands = tuple(Band(span.first * step, (span.last - span.first + 1) * step, span.title) for span in windows)
    return Chart(title, lines, bands, columns, values, _dates(times))


def column_chart(title: str, times: Sequence[datetime], counts: Sequence[int], unit: str) -> Chart:
    """Returns a chart of counts, one column per window."""
    top = _round_up(max(counts, default=0))
    step = WIDTH / max(1, len(times))
    columns = tuple(
        Column(
            index * step + 0.1 * step,
            0.8 * step,
            HEIGHT * (1 - count / top),
            HEIGHT * count / top,
            f"{_moment(time)}: {count} {unit}",
        )
        for index, (time, count) in enumerate(zip(times, counts, strict=True))
    )
    values = tuple(f"{top * tick / 2:g}" for tick in (2, 1, 0))
    return Chart(title, (), (), columns, values, _dates(times))


def step_chart(title: str, steps: Sequence[int], values: Sequence[float]) -> Chart:
    """Returns a chart of a value from 0 upwards, such as a loss, by the steps of a training."""
    top = max(values, default=0.0) or 1.0
    width = WIDTH / max(1, len(steps))
    points = zip(steps, values, strict=True)
    columns = tuple(
        Column(index * width, width, 0, 0, f"step {step}: {value:.3f}") for index, (step, value) in enumerate(points)
    )
    ticks = tuple(f"{top * tick / _TICKS:.2f}" for tick in reversed(range(_TICKS + 1)))
    line = Line("", _path([max(value, 0.0) for value in values], top), 1, False)
    return Chart(title, (line,), (), columns, ticks, tuple(f"step {step}" for step in (*steps[:1], *steps[1:][-1:])))


def curve_chart(title: str, curves: Mapping[str, Sequence[tuple[int, float]]]) -> Chart:
    """Returns a chart of the curves of several trainings, by their names, on one scale of steps.

    Each curve has at least one point, a step and a value; the upright axis has the values alone, not 0.
    """
    values = [value for points in curves.values() for _, value in points]
    low, high = min(values), max(values)
    margin = (high - low or abs(high) or 1.0) / 20
    low, high = low - margin, high + margin
    last = max(step for points in curves.values() for step, _ in points) or 1

    def path(points: Sequence[tuple[int, float]]) -> str:
        positions = [
            f"{WIDTH * step / last:.1f} {HEIGHT * (high - value) / (high - low):.1f}" for step, value in points
        ]
        return f"M{'L'.join(positions)}{'h.1' if len(positions) == 1 else ''}"

    lines = tuple(
        Line(name, path(points), number % _COLORS + 1, False) for number, (name, points) in enumerate(curves.items())
    )
    ticks = tuple(f"{low + (high - low) * tick / _TICKS:.3g}" for tick in reversed(range(_TICKS + 1)))
    return Chart(title, lines, (), (), ticks, ("step 0", f"step {last}"))


def spark(values: Sequence[float | None]) -> str:
    """Returns a small line of shares, as an SVG path."""
    return _path(values, 1.0)


def _path(values: Sequence[float | None], top: float) -> str:
    """Returns a line through the middles of the windows, broken where a value is missing; a lone value is a dot."""
    step = WIDTH / max(1, len(values))
    parts: list[str] = []
    open_part = False
    for index, value in enumerate(values):
        if value is not None:
            x, y = (index + 0.5) * step, HEIGHT * (1 - min(value, top) / top)
            is_single = not open_part and (index + 1 == len(values) or values[index + 1] is None)
            parts.append(f"{'L' if open_part else 'M'}{x:.1f} {y:.1f}{'h.1' if is_single else ''}")
        open_part = value is not None
    return "".join(parts)


def _title(time: datetime, series: Sequence[Series], index: int) -> str:
    pairs = [(line.name, line.values[index]) for line in series]
    values = [f"{name} {100 * value:.0f} %" for name, value in pairs if value is not None]
    return f"{_moment(time)}: {', '.join(values) or 'no texts'}"


def _dates(times: Sequence[datetime]) -> tuple[str, ...]:
    if len(times) < 2:
        return tuple(_moment(time) for time in times)
    count = min(_MOST_DATES, len(times))
    return tuple(_moment(times[round(index * (len(times) - 1) / (count - 1))]) for index in range(count))


def _moment(time: datetime) -> str:
    midnight = not (time.hour or time.minute)
    return f"{time.day} {time:%b}" if midnight else f"{time.day} {time:%b %H:%M}"


def _round_up(count: int) -> int:
    """Returns an even number of at most two significant digits, not below a count."""
    size = 10 ** max(0, len(str(count)) - 2)
    total = math.ceil(count / size) * size
    return max(2, total + total % 2)
