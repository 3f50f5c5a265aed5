"""Draws predicted numbers against the true ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from tfapp.evaluation.plots import LINE_COLORS, add_axes, blank_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_scatter"]

_MARGIN: Final = 0.04


def draw_scatter(points: Sequence[tuple[float, float]], count: int) -> Figure:
    """Draws a point a row on axes of the same scale; on the dashed line predictions are right.

    Args:
        points: True and predicted number of each drawn row, at least one.
        count: All rows, of which these are some.
    """
    truth, predicted = np.array(points).T
    low, high = float(min(truth.min(), predicted.min())), float(max(truth.max(), predicted.max()))
    pad = _MARGIN * (high - low) or 1.0
    ends = (low - pad, high + pad)
    figure = blank_figure(440, 440)
    axes = add_axes(figure, (64, 12, 364, 364), "predicted", 440)
    axes.plot(ends, ends, color="gray", linewidth=1, linestyle=(0, (4, 4)))
    axes.scatter(truth, predicted, s=14, color=LINE_COLORS[0], alpha=0.6 if len(points) < 300 else 0.25, linewidth=0)
    axes.set(xlim=ends, ylim=ends)
    axes.set_yticks([tick for tick in axes.get_xticks() if ends[0] <= tick <= ends[1]])
    axes.set_xticks(axes.get_yticks())
    some = f", {len(points):,} of {count:,} rows" if len(points) < count else ""
    axes.set_xlabel(f"true{some}")
    return figure
