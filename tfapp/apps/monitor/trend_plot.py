"""Draws trends and alerts as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tfapp.apps.monitor.queries import Trend
from tfapp.apps.monitor.tables import AlertRow
from tfapp.core.files import replacing
from tfapp.core.wording import pluralize
from tfapp.errors import SettingsError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_trends"]

_INK: Final = "#1f2328"
_FAINT: Final = "#8a919b"
_BLUE: Final = "#2f6fde"
_RED: Final = "#d1352b"
_SUFFIXES: Final = (".png", ".svg", ".pdf")


def draw_trends(trends: Sequence[Trend], alerts: Sequence[AlertRow], file: Path) -> None:
    """Draws a row for each trend: the negative share, the expected share, the number of texts, and the alerts in red.

    Raises:
        SettingsError: The file's ending says no such kind.
    """
    from matplotlib.figure import Figure

    if file.suffix.lower() not in _SUFFIXES:
        raise SettingsError(f"{file}: must end in {', '.join(_SUFFIXES)}")
    visible = [trend for trend in trends if trend.total.texts]
    figure = Figure(figsize=(9, 1.0 + 1.3 * max(1, len(visible))), dpi=144, layout="constrained")
    rows = figure.subplots(max(1, len(visible)), 1, sharex=True, squeeze=False)[:, 0]
    for axes, trend in zip(rows, visible, strict=False):
        _draw(axes, trend, [alert for alert in alerts if alert.topic == trend.name])
    figure.supylabel("negative share", color=_INK, fontsize=9)
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file, shared=True) as draft:
        figure.savefig(draft)


def _draw(axes: Axes, trend: Trend, alerts: Sequence[AlertRow]) -> None:
    from matplotlib.dates import date2num

    days = [float(date2num(point.start)) for point in trend.points]
    width = days[1] - days[0] if len(days) > 1 else 1.0
    _plain(axes)
    for alert in alerts:
        end = float(date2num(alert.end)) if alert.end else days[-1] + width
        axes.axvspan(float(date2num(alert.start)), end, color=_RED, alpha=0.14, linewidth=0)
        axes.axvline(float(date2num(alert.found)) + width, color=_RED, linewidth=1)
    texts = [point.counts.texts for point in trend.points]
    counts = axes.twinx()
    counts.bar(days, texts, width=width, align="edge", color=_FAINT, alpha=0.22)
    counts.set_axis_off()
    counts.set_ylim(0, 3 * max(1, *texts))
    for color, shares in ((_FAINT, [point.expected for point in trend.points]), (_BLUE, trend.shares)):
        points = [(day + width / 2, share) for day, share in zip(days, shares, strict=True) if share is not None]
        axes.plot([day for day, _ in points], [share for _, share in points], color=color, linewidth=1.4)
    axes.set_title(f"{trend.name}: {pluralize(trend.total.texts, 'text')}", loc="left", fontsize=9, color=_INK)
    axes.set_zorder(counts.get_zorder() + 1)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_FAINT)
    axes.tick_params(colors=_INK, labelsize=8)
    axes.set(ylim=(0, 1), yticks=(0, 0.5, 1), yticklabels=("0", "50 %", "100 %"))
    axes.xaxis_date()
    axes.patch.set_visible(False)
