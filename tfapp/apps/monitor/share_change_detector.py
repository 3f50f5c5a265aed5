"""Detects times in which a topic's negative share is higher than its own history explains.

How improbable a share is, given its history, is the tail of a beta-binomial distribution.
The windows' shares are taken to vary around their mean by more than chance, as they do in most streams. How much more
is estimated by moments (Williams, Extra-binomial variation in logistic linear models, Applied Statistics 31, 1982), and
the count to come then has a beta-binomial distribution whose spread holds both that and the uncertainty of the mean.
Comparing the present with a trailing history of counts is as in the surveillance of epidemics (Farrington et al., A
statistical algorithm for the early detection of outbreaks of infectious disease, JRSS A 159, 1996), the guard band
before it as in EARS C2 (Hutwagner et al., The bioterrorism preparedness and response EARS, J. Urban Health 80, 2003).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

import numpy as np

from tfapp.apps.monitor.episode import Ending, Episode, Verdict
from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.monitor.windows import WIDTHS
from tfapp.apps.shared.times import shift

__all__ = ["Exceedance", "ShareChangeDetector", "SharePoint", "exceedance"]

# Wald's sequential test (1945) of usual against raised share: odds of 100 to 1 say that all is as usual again.
_CALM: Final = math.log(100)


class SharePoint(NamedTuple):
    """A window of a topic."""

    start: datetime
    texts: int
    negatives: int


@dataclass(frozen=True)
class _Open:
    """An open rise: as it was detected, all its texts since, and the evidence that it is over."""

    start: str
    found: str
    before: float
    after: float
    texts: int
    negatives: int
    p_value: float
    windows: int
    all_texts: int
    all_negatives: int
    calm: float = 0.0
    calm_since: str | None = None


class ShareChangeDetector:
    """Detects rises in a topic's windows with texts, one window after another.

    The last window is compared with the history, and so are the last few together (`spans`), by which a small rise that
    lasts is found. While a rise goes on, its windows are no history, so that there is no second alert for it; it ends
    when they are as they were before, or when it has lasted as long as the history is.

    Args:
        settings: Say what is a rise.
        alpha: The p-value at most, in one window of one topic.
    """

    def __init__(self, settings: MonitorSettings, alpha: float) -> None:
        self._settings = settings
        self._width = WIDTHS[settings.window]
        self._alpha = alpha

    def step(self, start: datetime, window: Sequence[SharePoint], state: Mapping[str, Any] | None) -> Verdict:
        """Evaluates a window, which comes with those before it and is the last of them, as `Detector.step` says."""
        memory = state or {"since": None, "past": [], "open": None}
        if memory["open"]:
            return self._follow(window[-1], memory, _Open(**memory["open"]))
        surprise = self._top_surprise(window, memory)
        if surprise is None:
            return Verdict(memory)
        result, recent = surprise
        texts, negatives = sum(point.texts for point in recent), sum(point.negatives for point in recent)
        share = negatives / texts
        verdict = Verdict(memory, result.p_value, result.expected)
        if result.p_value > self._alpha or share - result.expected < self._settings.least_rise:
            return verdict
        first = _rise_start(recent, result.expected)
        episode = Episode(first, start, result.expected, share, texts, negatives, result.p_value)
        return replace(verdict, state={**memory, "open": asdict(_open_rise(episode, len(recent)))}, opened=episode)

    def current(self, state: Mapping[str, Any]) -> Episode | None:
        """Returns the rise that goes on, as `Detector.current` says."""
        if not state["open"]:
            return None
        now = _Open(**state["open"])
        start, detection = datetime.fromisoformat(now.start), datetime.fromisoformat(now.found)
        return Episode(start, detection, now.before, now.after, now.texts, now.negatives, now.p_value)

    def _top_surprise(
        self, points: Sequence[SharePoint], state: Mapping[str, Any]
    ) -> tuple[Exceedance, Sequence[SharePoint]] | None:
        """Returns the most surprising of the spans, its p-value corrected for their number (Bonferroni)."""
        settings, now = self._settings, points[-1].start
        # A rise that is over is no part of the next one.
        start = datetime.fromisoformat(state["past"][-1][1]) if state["past"] else points[0].start
        candidates = [point for point in points if point.start >= start]
        spans = {
            tuple(
                point for point in candidates if point is candidates[-1] or point.start > shift(now, self._width, -span)
            ): None
            for span in settings.spans
        }
        exceedances = []
        for recent in spans:
            history = self._history(points, shift(recent[0].start, self._width, -settings.guard), state)
            if len(history) >= settings.least_history:
                pairs = ([(point.texts, point.negatives) for point in part] for part in (recent, history))
                exceedances.append((exceedance(*pairs), recent))
        if not exceedances:
            return None
        best, recent = min(exceedances, key=lambda item: item[0].p_value)
        return best._replace(p_value=min(1.0, best.p_value * len(settings.spans))), recent

    def _history(self, points: Sequence[SharePoint], before: datetime, state: Mapping[str, Any]) -> list[SharePoint]:
        since = datetime.fromisoformat(state["since"]) if state["since"] else None
        past = [tuple(map(datetime.fromisoformat, interval)) for interval in state["past"]]
        history = [
            point
            for point in points
            if point.start < before
            and (since is None or point.start >= since)
            and not any(first <= point.start < end for first, end in past)
        ]
        return history[-self._settings.history :]

    def _follow(self, point: SharePoint, state: Mapping[str, Any], rise: _Open) -> Verdict:
        """Accumulates evidence that a rise is over."""
        level = max(rise.all_negatives / rise.all_texts, rise.before + self._settings.least_rise)
        calm = max(0.0, rise.calm + _evidence(point, rise.before, level))
        rise = replace(
            rise,
            windows=rise.windows + 1,
            calm=calm,
            calm_since=(rise.calm_since or point.start.isoformat()) if calm else None,
            all_texts=rise.all_texts + (0 if calm else point.texts),
            all_negatives=rise.all_negatives + (0 if calm else point.negatives),
        )
        if calm >= _CALM and rise.calm_since:
            past = [*state["past"][-9:], [rise.start, rise.calm_since]]
            ending = Ending(datetime.fromisoformat(rise.calm_since), "normal")
            return Verdict({**state, "past": past, "open": None}, None, rise.before, ended=ending)
        if rise.windows >= self._settings.history:
            ending = Ending(shift(point.start, self._width), "lasting")
            return Verdict({**state, "since": rise.start, "open": None}, None, rise.before, ended=ending)
        return Verdict({**state, "open": asdict(rise)}, None, rise.before)


def _open_rise(episode: Episode, windows: int) -> _Open:
    texts, negatives = episode.texts, episode.negatives
    start, detection = episode.start.isoformat(), episode.found.isoformat()
    numbers = (episode.before, episode.after, texts, negatives, episode.p_value)
    return _Open(start, detection, *numbers, windows=windows, all_texts=texts, all_negatives=negatives)


def _rise_start(recent: Sequence[SharePoint], expected: float) -> datetime:
    """Returns when the rise began: at the first window of the span whose share is above the expected one."""
    starts = (point.start for point in recent if point.negatives > expected * point.texts)
    return next(starts, recent[-1].start)


def _evidence(point: SharePoint, baseline: float, level: float) -> float:
    """Returns the log likelihood ratio of a window under the usual share and under the raised one."""
    level = min(max(level, baseline + 0.01), 1 - 1e-3)
    baseline = min(max(baseline, 1e-3), level - 1e-3)
    positives = point.texts - point.negatives
    return point.negatives * math.log(baseline / level) + positives * math.log((1 - baseline) / (1 - level))


class Exceedance(NamedTuple):
    """The expected share, and the probability of at least the observed count under it."""

    expected: float
    p_value: float


def exceedance(recent: Sequence[tuple[int, int]], history: Sequence[tuple[int, int]]) -> Exceedance:
    """Compares the last windows together with those before.

    Args:
        recent: The last windows, each as (texts, negatives); at least one text in all.
        history: Windows that say what is usual; at least one text in each.

    Returns:
        Exact for any number of texts. With a history of the same share in all windows, it is what Jeffreys' prior and
        the history's counts say.
    """
    from scipy.stats import betabinom

    past, now = (np.asarray(windows, dtype=float) for windows in (history, recent))
    total, now_total = past[:, 0].sum(), now[:, 0].sum()
    mean = (past[:, 1].sum() + 0.5) / (total + 1)
    extra = _correlation(past)
    # Both in units of mean * (1 - mean): how sure the mean is, and how far the windows to come may lie from it.
    of_mean = (past[:, 0] * (1 + (past[:, 0] - 1) * extra)).sum() / total / (total + 2)
    of_windows = extra * (now[:, 0] ** 2).sum() / now_total**2
    size = 1 / min(of_mean + of_windows, 0.999) - 1
    count = now[:, 1].sum()
    tail = betabinom.sf(count - 1, now_total, mean * size, (1 - mean) * size)
    return Exceedance(float(mean), float(min(1.0, tail)))


def _correlation(windows: np.ndarray) -> float:
    """Returns the correlation of texts within a window, from 0; takes [windows, 2] of texts and negatives."""
    texts, negatives = windows[:, 0], windows[:, 1]
    mean, number = negatives.sum() / texts.sum(), len(windows)
    pair_count = (texts - 1).sum()
    if number < 2 or pair_count == 0 or mean in (0.0, 1.0):
        return 0.0
    pearson = ((negatives - texts * mean) ** 2 / (texts * mean * (1 - mean))).sum()
    return float(np.clip((pearson * number / (number - 1) - number) / pair_count, 0.0, 0.9))
