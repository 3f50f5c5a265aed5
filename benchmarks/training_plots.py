"""Draws what training.py measured: tokens a second of each contender, and accuracy over time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from drawing import FAINT, INK, draw_bars, new_figure, save, style_axes
from training_report import rates

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]

# A contender keeps its colour in all drawings: tfapp blue, its peers each another; half precision is the darker one.
_COLORS: Final = {
    "tfapp float32": "#7fa8ee",
    "tfapp auto": "#2f6fde",
    "Trainer float32": "#e9a27f",
    "Trainer bfloat16": "#d9622b",
    "KerasHub float32": "#7cc7ae",
    "KerasHub bfloat16": "#1f9d75",
}


def draw(report: Mapping[str, Any], folder: Path) -> None:
    """Writes `training.png`, and `training-accuracy.png` where that was measured."""
    names = list(report["turns"])
    figure = new_figure(5.2 * len(names), 3.4)
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        work = report["work"][name]
        draw_bars(axes, rates(report, name), _COLORS, unit="tokens a second, padding not counted")
        title(axes, f"{name}: {work['batch_size']} texts a step, {work['mean_length']:.0f} tokens in the mean")
    save(figure, folder / "training.png")
    if "accuracy" in report:
        figure = new_figure(6.4, 4.0)
        draw_accuracy(figure.subplots(), report["accuracy"])
        save(figure, folder / "training-accuracy.png")


def draw_accuracy(axes: Axes, accuracy: Mapping[str, Any]) -> None:
    """Draws accuracy on dev over the seconds of training, a line for each contender."""
    style_axes(axes)
    for name, points in accuracy["curves"].items():
        seconds, values = ([point[key] for point in points] for key in ("seconds", "accuracy"))
        axes.plot(seconds, [100 * value for value in values], color=_COLORS[name], linewidth=1.8, label=name)
        axes.plot(seconds[-1:], [100 * value for value in values[-1:]], "o", color=_COLORS[name], markersize=5)
    axes.axhline(100 * accuracy["wanted"], color=FAINT, linewidth=1, linestyle=(0, (4, 4)))
    axes.set_xlim(left=0)
    axes.set_xlabel("seconds of training, evaluations not counted", color=INK, fontsize=9)
    axes.set_ylabel("right answers on dev, %", color=INK, fontsize=9)
    title(axes, f"{accuracy['data']}, until {accuracy['wanted']:.0%} is reached")
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def title(axes: Axes, text: str) -> None:
    axes.set_title(text, fontsize=9, color=INK, loc="left")
