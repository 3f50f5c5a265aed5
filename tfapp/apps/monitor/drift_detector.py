"""Detects times in which the texts differ from the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from tfapp.apps.monitor.episode import Ending, Episode, Verdict
from tfapp.apps.shared.times import shift

__all__ = ["DriftDetector", "DriftRules"]

# So many windows in a row that are as the reference end a drift.
_CALM: Final = 2


@dataclass(frozen=True)
class DriftRules:
    """The thresholds of a drift.

    Attributes:
        width: How wide a window is.
        alpha: The p-value at most.
        distance: The least Kolmogorov-Smirnov distance; with many texts, differences that mean nothing are sure.
        least_texts: Windows with fewer are not judged.
        lasting: A drift of so many windows is what is usual now.
    """

    width: timedelta
    alpha: float
    distance: float
    least_texts: int
    lasting: int


class DriftDetector:
    """Compares the texts of each window with the reference, by one number a text.

    It is the two-sample test of Kolmogorov and Smirnov (Smirnov, Table for estimating the goodness of fit of empirical
    distributions, Annals of Mathematical Statistics 19, 1948): exact for few texts, and the same for words, lengths and
    probabilities.

    Args:
        rules: What is a drift.
        reference: The number of each text of the reference.
        version: Names the reference: once a drift has become what is usual, another one is waited for.
    """

    def __init__(self, rules: DriftRules, reference: Sequence[float], version: int) -> None:
        self._rules = rules
        self._reference = np.asarray(reference, dtype=float)
        self._mean = float(self._reference.mean())
        self._version = version

    def step(self, start: datetime, window: Sequence[float], state: Mapping[str, Any] | None) -> Verdict:
        """See `Detector.step`; the window is the number of each of its texts."""
        from scipy.stats import ks_2samp

        known = state or {"open": None, "waits": None}
        if len(window) < self._rules.least_texts or known["waits"] == self._version:
            return Verdict(known)
        result = ks_2samp(window, self._reference)
        p_value = float(result.pvalue)
        is_drift = result.statistic >= self._rules.distance and p_value <= self._rules.alpha
        verdict = Verdict(known, p_value, self._mean)
        if known["open"]:
            return self._follow(start, known["open"], verdict, drifted=is_drift)
        if not is_drift:
            return verdict
        episode = Episode(start, start, self._mean, float(np.mean(window)), len(window), 0, p_value)
        return replace(verdict, state={"open": _open_state(episode), "waits": None}, opened=episode)

    def current(self, state: Mapping[str, Any]) -> Episode | None:
        """See `Detector.current`."""
        going = state["open"]
        if not going:
            return None
        start = datetime.fromisoformat(going["start"])
        numbers = (going["before"], going["after"], going["texts"])
        return Episode(start, start, *numbers, negatives=0, p_value=going["p_value"])

    def _follow(self, start: datetime, going: Mapping[str, Any], verdict: Verdict, *, drifted: bool) -> Verdict:
        calm = [] if drifted else [*going["calm"], start.isoformat()]
        windows = going["windows"] + 1
        if len(calm) >= _CALM:
            ending = Ending(datetime.fromisoformat(calm[0]), "normal")
            return replace(verdict, state={"open": None, "waits": None}, ended=ending)
        if windows >= self._rules.lasting:
            ending = Ending(shift(start, self._rules.width), "lasting")
            return replace(verdict, state={"open": None, "waits": self._version}, ended=ending)
        return replace(verdict, state={"open": {**going, "calm": calm, "windows": windows}, "waits": None})


def _open_state(episode: Episode) -> dict[str, Any]:
    return {
        "start": episode.start.isoformat(),
        "before": episode.before,
        "after": episode.after,
        "texts": episode.texts,
        "p_value": episode.p_value,
        "windows": 1,
        "calm": [],
    }
