"""Draws what inference.py measured: texts a second in process and over the whole path, one text's latency, memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from drawing import BLUE, FAINT, INK, draw_bars, new_figure, save, style_axes
from inference_report import MEMORY_MB, SETTLED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]

# tfapp is blue, each peer has a colour of its own.
_COLORS: Final = {
    "tfapp": BLUE,
    "ONNX": "#d9622b",
    "OpenVINO": "#c2921a",
    "CTranslate2": "#b5485d",
    "PyTorch": "#a257c7",
    "KerasHub": "#1f9d75",
}
# In inches.
_BAR_HEIGHT: Final = 0.19


def draw(report: Mapping[str, Any], folder: Path) -> None:
    """Writes `inference.png`, the streams in process, and `serving.png`, the whole path."""
    streams = report["streams"]
    bars = max(len(rounds) for rounds in streams.values())
    figure = new_figure(4.8 * min(len(streams), 2), (1 + _BAR_HEIGHT * bars) * -(-len(streams) // 2))
    grid = figure.subplots(-(-len(streams) // 2), min(len(streams), 2), squeeze=False)
    for axes, (stream, rounds) in zip(grid.flat, streams.items(), strict=False):
        draw_bars(axes, rounds, {name: color(name) for name in rounds}, unit="texts a second, requests of 32")
        title(axes, stream)
    save(figure, folder / "inference.png")
    serving_rates = report["served"]
    figure = new_figure(9.6, 7.8)
    panels = figure.subplots(3, 2)
    for axes, (traffic, rounds) in zip(panels.flat, serving_rates.items(), strict=False):
        draw_bars(axes, rounds, {name: color(name) for name in rounds}, unit="texts a second, the mix")
        title(axes, f"{traffic}, over gRPC")
    draw_memory(panels.flat[len(serving_rates)], report["memory"])
    for axes in panels.flat[len(serving_rates) + 1 :]:
        axes.set_axis_off()
    save(figure, folder / "serving.png")


def draw_memory(axes: Axes, points: list[tuple[int, float]]) -> None:
    style_axes(axes)
    axes.plot([1e-3 * requests for requests, _ in points], [memory for _, memory in points], color=BLUE, linewidth=1.8)
    axes.axhline(MEMORY_MB, color=FAINT, linewidth=1, linestyle=(0, (4, 4)))
    if points[-1][0] > SETTLED:
        axes.axvline(1e-3 * SETTLED, color=FAINT, linewidth=1, linestyle=(0, (1, 3)))
    axes.set_ylim(0, 1.15 * max(MEMORY_MB, *(memory for _, memory in points)))
    axes.set_xlabel("thousand requests of one text", color=INK, fontsize=8)
    axes.set_ylabel("MB", color=INK, fontsize=8)
    title(axes, "memory of the server, one float32 model")


def color(name: str) -> str:
    return _COLORS[name.split(maxsplit=1)[0]]


def title(axes: Axes, text: str) -> None:
    axes.set_title(text, fontsize=9, color=INK, loc="left")
