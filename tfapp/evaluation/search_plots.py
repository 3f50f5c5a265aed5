"""The drawings of a search: its history, how much each setting matters, and the scores along each setting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tfapp.evaluation.plot_text import ems_of, font_families, truncate_label
from tfapp.evaluation.plots import LINE_COLORS, add_axes, blank_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["SearchPoint", "draw_history", "draw_importances", "draw_slice"]

_BLUE, _ORANGE = LINE_COLORS[:2]
_FAINT: Final = "#8a919b"
# As in the other drawings, becomes the page's text colour.
_INK: Final = "#1f2328"
_BAR: Final = 26


@dataclass(frozen=True)
class SearchPoint:
    """A trial, as the drawings show it.

    Attributes:
        number: Of the trial, from 0.
        score: On dev.
        complete: Whether it came to its end; else it was pruned.
        best: Whether it is the best of all.
        value: Of the setting that a slice is along; None elsewhere.
    """

    number: int
    score: float
    complete: bool
    best: bool = False
    value: Any = None


def draw_history(points: Sequence[SearchPoint], score_name: str, *, lower_is_better: bool = False) -> Figure:
    """Draws the score of each trial, and the best score by then as a line."""
    figure = blank_figure(440, 300)
    axes = add_axes(figure, (60, 24, 364, 220), score_name, 300)
    choose = min if lower_is_better else max
    complete = [point for point in points if point.complete]
    best_scores = [choose(point.score for point in complete[: position + 1]) for position in range(len(complete))]
    numbers = [*(point.number for point in complete), max(point.number for point in points)]
    axes.plot(numbers, [*best_scores, best_scores[-1]], color=_BLUE, linewidth=1.5, drawstyle="steps-post")
    _scatter(axes, [point.number for point in points], points)
    _set_whole_ticks(axes, max(point.number for point in points))
    axes.set_xlabel("trial")
    return figure


def draw_importances(names: Sequence[str], shares: Sequence[float]) -> Figure:
    """Draws a bar a setting, the most important first, with its share beside it."""
    labels = [truncate_label(name, 26) for name in names]
    left = min(16 + 11 * max(ems_of(label) for label in labels), 300)
    height = 40 + _BAR * len(names)
    figure = blank_figure(440, height)
    axes = add_axes(figure, (left, 12, 390 - left, _BAR * len(names)), "", height)
    positions = range(len(names))
    axes.barh(positions, shares, height=0.6, color=_BLUE, alpha=0.6, linewidth=0)
    axes.set(xlim=(0, max([*shares, 1e-9])), ylim=(len(names) - 0.5, -0.5))
    axes.set(yticks=positions, yticklabels=labels, xticks=[])
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    for position, share in zip(positions, shares, strict=True):
        axes.annotate(
            f"{share:.2f}",
            (share, position),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=_INK,
            family=font_families(),
            annotation_clip=False,
        )
    return figure


def draw_slice(name: str, points: Sequence[SearchPoint], score_name: str, *, log: bool = False) -> Figure:
    """Draws the scores of trials along the values of one setting; values that are no numbers stand side by side."""
    figure = blank_figure(440, 260)
    axes = add_axes(figure, (60, 16, 364, 186), score_name, 260)
    numbers = all(isinstance(point.value, int | float) and not isinstance(point.value, bool) for point in points)
    if numbers:
        _scatter(axes, [float(point.value) for point in points], points)
        _set_number_ticks(axes, [point.value for point in points], log=log)
    else:
        names = sorted({str(point.value) for point in points})
        _scatter(axes, [names.index(str(point.value)) for point in points], points)
        axes.set(xlim=(-0.5, len(names) - 0.5), xticks=range(len(names)))
        axes.set_xticklabels([truncate_label(name, 60 / len(names)) for name in names])
    axes.set_xlabel(name)
    return figure


def _scatter(axes: Axes, positions: Sequence[float], points: Sequence[SearchPoint]) -> None:
    """Draws trials: full points came to their end, empty ones were pruned, orange is the best."""
    for position, point in zip(positions, points, strict=True):
        color = _ORANGE if point.best else _BLUE if point.complete else _FAINT
        face = color if point.complete else "none"
        axes.scatter(
            position, point.score, s=34, color=face, edgecolor=color, linewidth=1, zorder=3 + point.best, clip_on=False
        )


def _set_number_ticks(axes: Axes, values: Sequence[float], *, log: bool) -> None:
    """Writes ticks as people write numbers: whole ones where all are, and few on a logarithmic axis."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    if log:
        axes.set_xscale("log")
        spans_decades = max(values) > 100 * min(values)
        axes.xaxis.set_major_locator(LogLocator(subs=(1,) if spans_decades else (1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    elif all(isinstance(value, int) for value in values):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _set_whole_ticks(axes: Axes, last: int) -> None:
    step = max(1, last // 8)
    axes.set(xlim=(-0.5, last + 0.5), xticks=range(0, last + 1, step))
