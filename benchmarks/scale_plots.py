"""Draws what scale.py measured: a panel for each part, of data one for the time and one for the memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from drawing import BLUE, FAINT, INK, new_figure, save, style_axes
from scale_data import STAGES
from scale_report import LIMIT_MB, middle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]

_ORANGE: Final = "#d9622b"
_BOUND: Final = "#c2446e"
_STAGES: Final = (BLUE, _ORANGE, "#1f9d75", "#a257c7", "#b8860b", "#3a9bb8")
_COLUMNS: Final = 3
_PANEL: Final = (3.7, 2.9)

PartResult = Mapping[str, Any]


def draw(report: Mapping[str, Any], folder: Path) -> None:
    """Writes `scale.png`.

    Args:
        report: As scale.py makes it; parts that were not measured are left out.
        folder: Is made where it is missing.
    """
    panels = [(report[part], panel) for part, functions in PANELS.items() if part in report for panel in functions]
    lines = -(-len(panels) // _COLUMNS)
    columns = min(len(panels), _COLUMNS)
    figure = new_figure(_PANEL[0] * columns, _PANEL[1] * lines)
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.08)
    for position, (part, panel) in enumerate(panels, start=1):
        axes = figure.add_subplot(lines, columns, position)
        style_axes(axes)
        panel(axes, part)
    save(figure, folder / "scale.png")


def draw_requests(axes: Axes, part: PartResult) -> None:
    at = _at(part)
    _rounds(axes, part, "texts_per_second", BLUE)
    _label(axes, "Texts a request", "texts a request", "texts/s", at)
    _beside(axes, at, [point["peak_mb"] for point in part["points"]], "peak memory, MB")


def draw_lengths(axes: Axes, part: PartResult) -> None:
    at = _at(part)
    _rounds(axes, part, "tokens_per_second", BLUE)
    _label(axes, "Length of a text, 32 a request", "tokens a text", "tokens/s", at)
    _beside(axes, at, [middle(point, "texts_per_second") for point in part["points"]], "texts/s", log=True)


def draw_classes(axes: Axes, part: PartResult) -> None:
    at = _at(part)
    _rounds(axes, part, "texts_per_second", BLUE)
    _label(axes, "Classes of a model", "classes", "texts/s, served", at)
    _beside(axes, at, [point["export_mb"] for point in part["points"]], "export, MB")


def draw_data_time(axes: Axes, part: PartResult) -> None:
    at = _at(part)
    for stage, color in zip(STAGES, _STAGES, strict=True):
        seconds = [point["seconds"][stage] for point in part["points"]]
        axes.plot(at, seconds, color=color, marker="o", markersize=3, linewidth=1.2, label=stage)
    all_seconds = [point["all_seconds"] for point in part["points"]]
    axes.plot(at, all_seconds, color=INK, marker="o", markersize=3.5, linewidth=1.8, label="all")
    axes.set_yscale("log")
    axes.set_ylim(top=30 * max(all_seconds))
    axes.legend(
        fontsize=7, frameon=False, loc="upper left", ncols=3, labelspacing=0.3, handlelength=1.4, columnspacing=1
    )
    _label(axes, "Rows of data: time", "rows of about 200 characters", "seconds", at)


def draw_data_memory(axes: Axes, part: PartResult) -> None:
    at = _at(part)
    levels = {name: [point["memory"][name] for point in part["points"]] for name in ("imports", "model", "peak")}
    names = {"imports": "after the imports", "model": "with the model", "peak": "peak"}
    for (name, values), color in zip(levels.items(), (FAINT, _ORANGE, BLUE), strict=True):
        axes.plot(at, values, color=color, marker="o", markersize=4, linewidth=1.6, label=names[name])
    axes.axhline(LIMIT_MB, color=_BOUND, linewidth=1, linestyle=(0, (4, 3)), label=f"bound, {LIMIT_MB:.0f} MB")
    axes.set_ylim(0, LIMIT_MB * 1.1)
    axes.legend(fontsize=7, frameon=False, loc="lower right")
    _label(axes, "Rows of data: memory", "rows of about 200 characters", "MB", at)


def draw_models(axes: Axes, part: PartResult) -> None:
    at = _at(part)
    _rounds(axes, part, "texts_per_second", BLUE)
    _label(axes, "Models in one server", "models", "texts/s, all models", at, log=False)
    _beside(axes, at, [point["memory_mb"] for point in part["points"]], "server's memory, MB")


def _at(part: PartResult) -> list[int]:
    return [point["at"] for point in part["points"]]


def _rounds(axes: Axes, part: PartResult, name: str, color: str) -> None:
    """Draws the median of the rounds, and from the lowest to the highest."""
    at, points = _at(part), part["points"]
    axes.plot(at, [middle(point, name) for point in points], color=color, marker="o", markersize=4, linewidth=1.6)
    axes.fill_between(
        at, [min(point[name]) for point in points], [max(point[name]) for point in points], color=color, alpha=0.2
    )
    axes.set_ylim(0, 1.15 * max(max(point[name]) for point in points))
    axes.yaxis.label.set_color(color)


def _beside(axes: Axes, at: Sequence[int], values: Sequence[float], label: str, *, log: bool = False) -> None:
    """Draws a second curve, by an axis on the right."""
    right_axes = axes.twinx()
    right_axes.spines[["left", "bottom", "top"]].set_visible(False)
    right_axes.spines["right"].set_color(FAINT)
    right_axes.plot(at, values, color=_ORANGE, marker="s", markersize=3.5, linewidth=1.2)
    right_axes.set_ylabel(label, color=_ORANGE, fontsize=9)
    right_axes.tick_params(labelsize=8)
    if log:
        right_axes.set_yscale("log")
    else:
        right_axes.set_ylim(0, 1.3 * max(values))


def _label(axes: Axes, title: str, x_label: str, y_label: str, at: Sequence[int], *, log: bool = True) -> None:
    from matplotlib.ticker import NullFormatter, NullLocator

    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel(x_label, fontsize=9)
    axes.set_ylabel(y_label, fontsize=9)
    if log:
        axes.set_xscale("log")
    axes.set_xticks(at, [_short(number) for number in at])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _short(number: int) -> str:
    for size, name in ((1_000_000, "M"), (1_000, "k")):
        if number >= size and number % size == 0:
            return f"{number // size}{name}"
    return str(number)


PANELS: Final[Mapping[str, tuple[Callable[[Axes, PartResult], None], ...]]] = {
    "requests": (draw_requests,),
    "lengths": (draw_lengths,),
    "classes": (draw_classes,),
    "data": (draw_data_time, draw_data_memory),
    "models": (draw_models,),
}
