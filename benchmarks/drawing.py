"""The parts that the benchmarks' plots share: plain axes, bars with their spread, a file that appears by rename."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from inference_report import spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["BLUE", "FAINT", "INK", "draw_bars", "new_figure", "save", "style_axes"]

INK: Final = "#1f2328"
FAINT: Final = "#8a919b"
BLUE: Final = "#2f6fde"


def new_figure(width: float, height: float) -> Figure:
    """Returns a figure of so many inches, of its own: no global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=144, layout="constrained")


def style_axes(axes: Axes, *, grid: str = "both") -> None:
    """Leaves the two axes and a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=8)
    axes.set_axisbelow(True)
    axes.grid(axis=grid, color=FAINT, alpha=0.25, linewidth=0.6)


def draw_bars(axes: Axes, rounds: Mapping[str, Sequence[float]], colors: Mapping[str, str], *, unit: str) -> None:
    """Draws a bar for each contender, of the median round, with a line from the lowest to the highest."""
    spreads = {name: spread(values) for name, values in rounds.items()}
    highest = max(values["highest"] for values in spreads.values())
    style_axes(axes, grid="x")
    for index, (name, values) in enumerate(spreads.items()):
        axes.barh(index, values["median"], height=0.66, color=colors[name], linewidth=0)
        axes.plot([values["lowest"], values["highest"]], [index, index], color=INK, linewidth=1)
        label = f"{values['median']:,.0f}" if values["median"] >= 100 else f"{values['median']:.3g}"
        axes.text(values["highest"] + highest * 0.02, index, label, va="center", fontsize=8, color=INK)
    axes.set(yticks=range(len(spreads)), yticklabels=list(spreads), xlim=(0, highest * 1.18))
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(unit, color=INK, fontsize=8)


def save(figure: Figure, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{os.getpid()}.{file.name}")
    figure.savefig(draft)
    draft.replace(file)
