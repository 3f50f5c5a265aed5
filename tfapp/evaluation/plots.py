"""The drawings of an evaluation: confusion matrix, calibration, precision-recall curves.

A drawing is a matplotlib Figure of its own (no pyplot, no global state), measured in CSS pixels. `to_svg` makes
it follow the page: text takes the page's font and colour, nothing has a background, so it reads in light and
in dark. `to_rgb` draws it dark on white for TensorBoard.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfapp.evaluation.metrics import CalibrationCurve
from tfapp.evaluation.plot_text import ems_of, font_families, truncate_label
from tfapp.evaluation.precision_recall import PrecisionRecall

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "LINE_COLORS",
    "add_axes",
    "blank_figure",
    "draw_calibration",
    "draw_confusion",
    "draw_counts",
    "draw_curves",
    "draw_points",
    "draw_training",
    "to_rgb",
    "to_svg",
]

_INK = "#1f2328"  # Becomes the page's text colour in SVG.
_FAINT = "#8a919b"
_BLUE = "#2f6fde"
_ORANGE = "#d9622b"
LINE_COLORS = (_BLUE, _ORANGE, "#1f9d75", "#a257c7", "#b8860b", "#c2446e", "#3a9bb8", "#7a7f3a")
_PX = 1 / 96  # Inches.
_PT = 0.75  # Points a CSS pixel.


def draw_confusion(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> Figure:
    """Draws a confusion matrix, rows the truth: blue is right, orange wrong, stronger the larger its share of a row.

    Counts are printed where they fit; the figure grows with the classes so that 77 names can be read.
    """
    table = np.asarray(counts, dtype=np.int64).reshape(len(labels), len(labels))
    cell = float(np.clip(560 / len(labels), 12, 76))
    font = float(np.clip(cell * 0.72, 8.5, 12))
    names = [truncate_label(label) for label in labels]
    longest = max(ems_of(name) for name in names) * font
    angle = 0 if longest <= cell - 6 else 45 if cell > 22 else 90
    rise = {0: font, 45: longest * 0.71 + font * 0.7, 90: longest}[angle]
    left, top, side = 28 + longest + 8, 26 + rise + 8, cell * len(labels)
    right = max(8.0, longest * 0.71 + 2 * font - cell / 2) if angle == 45 else 8.0
    width, height = left + side + right, top + side + 8
    figure = blank_figure(width, height)
    axes = _overlay(figure, width, height)
    _fill_cells(axes, table, left, top, cell)
    tilt = {"rotation": angle, "rotation_mode": "anchor", "ha": "left" if angle else "center"}
    for k, name in enumerate(names):
        middle = (k + 0.5) * cell
        offset = 0.35 * font if angle == 90 else 0.0
        _write(axes, left - 8, top + middle + 0.35 * font, name, font, ha="right")
        _write(axes, left + middle + offset, top - 8, name, font, **tilt)
    _write(axes, left + side / 2, 15, "predicted", 12, ha="center", color=_FAINT)
    _write(axes, 16, top + side / 2, "truth", 12, ha="center", rotation=90, rotation_mode="anchor", color=_FAINT)
    return figure


def draw_calibration(calibration: CalibrationCurve) -> Figure:
    """Draws a reliability diagram: the share that was right by the probability given, and counts beneath."""
    figure = blank_figure(440, 440)
    upper = add_axes(figure, (60, 36, 364, 260), "share that was right", 440)
    count_axes = add_axes(figure, (60, 316, 364, 76), "count", 440)
    page = _overlay(figure, 440, 440)
    bins = len(calibration.counts)
    counts = np.array(calibration.counts)
    middles = (np.arange(bins) + 0.5) / bins
    has_rows = counts > 0
    upper.plot([0, 1], [0, 1], color=_FAINT, linewidth=1, linestyle=(0, (4, 4)), clip_on=False)
    right, confidence = np.array(calibration.accuracy)[has_rows], np.array(calibration.confidence)[has_rows]
    upper.bar(middles[has_rows], right, width=0.9 / bins, color=_BLUE, alpha=0.22, linewidth=0, clip_on=False)
    upper.plot(confidence, right, color=_BLUE, alpha=0.5, linewidth=1)
    upper.scatter(
        confidence, right, s=8 + 40 * counts[has_rows] / max(1, counts.max()), color=_BLUE, linewidth=0, clip_on=False
    )
    count_axes.bar(middles, counts, width=0.9 / bins, color=_FAINT, alpha=0.6, linewidth=0, clip_on=False)
    upper.set(xlim=(0, 1), ylim=(0, 1), xticklabels=[])
    count_axes.set(xlim=(0, 1), ylim=(0, max(1, counts.max()) * 1.05), yticks=[0, int(max(1, counts.max()))])
    count_axes.set_xlabel("probability given")
    _write(page, 60, 18, f"calibration error {calibration.error:.3f}, with what chance adds", 12, color=_FAINT)
    return figure


def draw_curves(curves: Sequence[PrecisionRecall]) -> Figure:
    """Draws precision-recall curves: up to eight by colour; of more, the five lowest before the rest in grey."""
    ranking = sorted((curve for curve in curves if curve.support), key=lambda curve: curve.average_precision)
    lowest = ranking if len(ranking) <= len(LINE_COLORS) else ranking[:5]
    head = "average precision" if len(ranking) == len(lowest) else f"average precision: the lowest 5 of {len(ranking)}"
    height = 376 + 20 * (len(lowest) + 1)
    figure = blank_figure(440, height)
    axes = add_axes(figure, (60, 36, 364, 280), "precision", height)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_xlabel("recall")
    page = _overlay(figure, 440, height)
    for curve in ranking[len(lowest) :]:
        axes.plot(*_steps(curve), color=_FAINT, alpha=0.35, linewidth=0.8, drawstyle="steps-post")
    _write(page, 60, 378, head if ranking else "no class has a row: nothing to draw", 12, color=_FAINT)
    for line, curve, color in zip(range(len(lowest)), lowest, LINE_COLORS, strict=False):
        axes.plot(*_steps(curve), color=color, linewidth=1.5, drawstyle="steps-post", clip_on=False)
        y = 398 + 20 * line
        page.plot([60, 80], [y - 4, y - 4], color=color, linewidth=2.5)
        _write(page, 88, y, truncate_label(curve.label, 26), 12)
        _write(page, 424, y, f"{curve.average_precision:.3f}", 12, ha="right")
    return figure


def draw_counts(names: Sequence[str], counts: Sequence[int], label: str, unit: str) -> Figure:
    """Draws a bar a name, with its count above it."""
    figure = blank_figure(440, 300)
    axes = add_axes(figure, (60, 28, 364, 216), unit, 300)
    highest_count = max(1, *counts)
    axes.bar(range(len(names)), counts, width=0.8, color=_BLUE, alpha=0.6, linewidth=0)
    axes.set(ylim=(0, highest_count * 1.05), yticks=[0, highest_count], xticks=range(len(names)), xticklabels=names)
    axes.set_xlabel(label)
    for position, count in enumerate(counts):
        if count:
            _write(axes, position, count + highest_count * 0.02, str(count), 11, ha="center")
    return figure


def draw_points(positions: Sequence[float], values: Sequence[float], label: str, unit: str) -> Figure:
    """Draws values at positions as a line of points, each with its value above it."""
    figure = blank_figure(440, 260)
    axes = add_axes(figure, (60, 28, 340, 176), unit, 260)
    axes.plot(positions, values, color=_BLUE, linewidth=1.5, marker="o", markersize=5, clip_on=False)
    extent = max(max(values) - min(values), 0.02)
    axes.set(xlim=(0, max(positions) * 1.02), ylim=(min(values) - extent / 2, max(values) + extent / 2))
    axes.set(xticks=list(positions), xticklabels=[f"{position:,}" for position in positions])
    axes.set_xlabel(label)
    for position, value in zip(positions, values, strict=True):
        _write(axes, position, value + extent * 0.08, f"{value:.3f}", 11, ha="center")
    return figure


def draw_training(
    score_name: str, losses: Sequence[tuple[int, float]], epochs: Sequence[tuple[int, float, float, bool]]
) -> Figure:
    """Draws a training: losses of train and dev above, the dev score beneath, the best epoch as a full point."""
    figure = blank_figure(440, 440)
    upper = add_axes(figure, (60, 36, 364, 160), "loss", 440)
    score_axes = add_axes(figure, (60, 236, 364, 140), score_name, 440)
    steps, dev_losses, scores = ([epoch[index] for epoch in epochs] for index in range(3))
    if losses:
        upper.plot(*zip(*losses, strict=True), color=_FAINT, linewidth=1.2)
    upper.plot(steps, dev_losses, color=_BLUE, linewidth=1.5, marker="o", markersize=4)
    score_axes.plot(steps, scores, color=_BLUE, linewidth=1.5, marker="o", markersize=4, markerfacecolor="none")
    best = max((index for index, epoch in enumerate(epochs) if epoch[3]), default=None)
    if best is not None:
        score_axes.plot(steps[best], scores[best], color=_BLUE, marker="o", markersize=7)
    end = max(steps) * 1.02
    upper.set(xlim=(0, end), ylim=(0, None), xticklabels=[])
    score_axes.set(xlim=(0, end))
    score_axes.set_xlabel("step" if losses else "fit")
    page = _overlay(figure, 440, 440)
    legend = "dev, blue; train, grey; full point: the weights that were kept"
    _write(page, 60, 18, legend if losses else "dev; full point: the fit that was kept", 12, color=_FAINT)
    return figure


def to_svg(figure: Figure, description: str) -> str:
    """Writes one of this module's drawings as an SVG element to stand in a page, the same for the same figure.

    Every text in it is escaped. The description is said to who cannot see it, and keeps the names inside apart from
    those of the page's other figures.
    """
    from matplotlib import rc_context

    buffer = io.StringIO()
    with warnings.catch_warnings(), rc_context({"svg.fonttype": "none", "svg.hashsalt": description}):
        warnings.simplefilter("ignore")  # A glyph that the drawing font lacks; the reader's font has it.
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return _adapt_svg(buffer.getvalue(), description)


def to_rgb(figure: Figure, scale: float = 1.5) -> NDArray[np.uint8]:
    """Draws one of this module's drawings on white, uint8[height, width, 3]; `scale` is pixels a CSS pixel."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(scale / _PX)
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # A glyph that no installed font has is drawn as a box.
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _adapt_svg(text: str, description: str) -> str:
    svg = text[text.index("<svg") :]
    # The style element would reach the whole page.
    svg = re.sub(r"<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>", "", svg, flags=re.DOTALL)
    svg = re.sub(rf"(fill|stroke): {_INK}", r"\1: currentColor", svg)
    svg = re.sub(r" font-family: [^;\"]*;?", "", svg)
    references = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg))
    used_ids = {name for pair in references for name in pair}
    svg = re.sub(r' id="([^"]+)"', lambda match: match[0] if match[1] in used_ids else "", svg)
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1).strip()


def _fill_cells(axes: Axes, table: NDArray[np.int64], left: float, top: float, cell: float) -> None:
    """Draws the cells, one path for all of the same strength, and the counts where they fit."""
    from matplotlib.patches import PathPatch, Rectangle
    from matplotlib.path import Path
    from matplotlib.transforms import Affine2D

    size, gap = len(table), min(1.5, cell * 0.05)
    axes.add_patch(Rectangle((left, top), cell * size, cell * size, color=_FAINT, alpha=0.1, linewidth=0))
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    diagonal = np.eye(size, dtype=bool)
    # Errors are few in a good model: the root lets one in a hundred be seen.
    strength = np.ceil(20 * np.where(diagonal, share, np.maximum(np.sqrt(share), 0.25))) / 20
    for color, mask in ((_BLUE, diagonal), (_ORANGE, ~diagonal)):
        for level in np.unique(strength[mask & (table > 0)]):
            squares = [
                Path.unit_rectangle().transformed(
                    Affine2D().scale(cell - 2 * gap).translate(left + k * cell + gap, top + t * cell + gap)
                )
                for t, k in np.argwhere(mask & (table > 0) & (strength == level))
            ]
            axes.add_patch(PathPatch(Path.make_compound_path(*squares), facecolor=color, alpha=level, linewidth=0))
    font = min(13.0, cell * 0.42)
    if cell < 22 or 0.6 * font * len(str(table.max())) > cell - 4:
        return
    for t, k in np.argwhere(table > 0):
        color = "#ffffff" if strength[t, k] > 0.55 else _INK
        middle = top + (t + 0.5) * cell + 0.36 * font
        _write(axes, left + (k + 0.5) * cell, middle, str(table[t, k]), font, ha="center", color=color)


def _steps(curve: PrecisionRecall) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns recall and precision without the fall at full recall, which says how rare the class is, no more."""
    start = int(np.flatnonzero(curve.recall == curve.recall.max())[-1])
    return curve.recall[start:], curve.precision[start:]


def blank_figure(width: float, height: float) -> Figure:
    """Returns a figure of this size in CSS pixels."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width * _PX, height * _PX), dpi=96, facecolor="white")


def _overlay(figure: Figure, width: float, height: float) -> Axes:
    """Adds axes over the whole figure, in CSS pixels from the upper left."""
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    return axes


def add_axes(figure: Figure, box: tuple[float, float, float, float], label: str, height: float) -> Axes:
    """Adds quiet axes at (left, top, width, height) in CSS pixels, to a figure that is 440 wide."""
    left, top, width_points, high = box
    axes = figure.add_axes((left / 440, 1 - (top + high) / height, width_points / 440, high / height))
    axes.set_facecolor("none")
    axes.spines[["top", "right"]].set_visible(False)
    for spine in axes.spines.values():
        spine.set(color=_FAINT, linewidth=0.8)
    axes.tick_params(color=_FAINT, labelcolor=_INK, labelsize=11 * _PT, width=0.8, length=3)
    axes.grid(color=_FAINT, alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set(color=_INK, fontsize=12 * _PT)
    axes.set_ylabel(label)
    axes.yaxis.set_label_coords(-44 / width_points, 0.5)
    return axes


def _write(axes: Axes, x: float, y: float, text: str, size: float, **style: Any) -> None:
    """Writes at a point, the base line at `y`."""
    style = {"color": _INK, "va": "baseline", "family": font_families()} | style
    axes.text(x, y, text, fontsize=size * _PT, parse_math=False, **style)
