"""Detects times in which the texts differ from the reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any, Final

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from tfapp.apps.monitor.alert_texts import reference_of, sample_of
from tfapp.apps.monitor.alert_writer import AlertWriter
from tfapp.apps.monitor.detector_state import DetectorState
from tfapp.apps.monitor.episode import Ending, Episode, Verdict
from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.monitor.tables import MessageRow, ReferenceRow
from tfapp.apps.monitor.text_profile import MEASURES, Sample, TextProfile
from tfapp.apps.monitor.windows import WIDTHS, window_start
from tfapp.apps.shared.times import shift

__all__ = ["DriftDetector", "DriftEvaluator"]

# So many windows in a row that are as the reference end a drift.
_CALM: Final = 2


class DriftDetector:
    """Compares the texts of each window with the reference, by one number a text.

    It is the two-sample test of Kolmogorov and Smirnov (Smirnov, Table for estimating the goodness of fit of empirical
    distributions, Annals of Mathematical Statistics 19, 1948): exact for few texts, and the same for words, lengths and
    probabilities.

    Args:
        settings: Say what is a drift; false alerts are shared out over the numbers that a text has.
        reference: The number of each text of the reference.
        version: Names the reference: once a drift has become what is usual, another one is waited for.
    """

    def __init__(self, settings: MonitorSettings, reference: Sequence[float], version: int) -> None:
        self._settings = settings
        self._reference = np.asarray(reference, dtype=float)
        self._mean = float(self._reference.mean())
        self._version = version

    def step(self, start: datetime, window: Sequence[float], state: Mapping[str, Any] | None) -> Verdict:
        """Evaluates a window, given as one number for each of its texts, as `Detector.step` says."""
        from scipy.stats import ks_2samp

        memory = state or {"open": None, "waits": None}
        if len(window) < self._settings.drift_texts or memory["waits"] == self._version:
            return Verdict(memory)
        result = ks_2samp(window, self._reference)
        p_value = float(result.pvalue)
        is_drift = (
            result.statistic >= self._settings.drift_distance
            and p_value <= self._settings.false_alerts / 1000 / len(MEASURES)
        )
        verdict = Verdict(memory, p_value, self._mean)
        if memory["open"]:
            return self._follow(start, memory["open"], verdict, is_drift=is_drift)
        if not is_drift:
            return verdict
        episode = Episode(start, start, self._mean, float(np.mean(window)), len(window), 0, p_value)
        numbers = {name: getattr(episode, name) for name in ("before", "after", "texts", "p_value")}
        drift = {"start": start.isoformat(), **numbers, "windows": 1, "calm": []}
        return replace(verdict, state={"open": drift, "waits": None}, opened=episode)

    def current(self, state: Mapping[str, Any]) -> Episode | None:
        """Returns the drift that goes on, as `Detector.current` says."""
        drift = state["open"]
        if not drift:
            return None
        start = datetime.fromisoformat(drift["start"])
        numbers = (drift["before"], drift["after"], drift["texts"])
        return Episode(start, start, *numbers, negatives=0, p_value=drift["p_value"])

    def _follow(self, start: datetime, drift: Mapping[str, Any], verdict: Verdict, *, is_drift: bool) -> Verdict:
        calm = [] if is_drift else [*drift["calm"], start.isoformat()]
        windows = drift["windows"] + 1
        if len(calm) >= _CALM:
            ending = Ending(datetime.fromisoformat(calm[0]), "normal")
            return replace(verdict, state={"open": None, "waits": None}, ended=ending)
        if windows >= self._settings.history:
            ending = Ending(shift(start, WIDTHS[self._settings.window]), "lasting")
            return replace(verdict, state={"open": None, "waits": self._version}, ended=ending)
        return replace(verdict, state={"open": {**drift, "calm": calm, "windows": windows}, "waits": None})


class DriftEvaluator:
    """Evaluates windows for drift, in one transaction.

    The reference is made of the first texts, when there are enough; once a drift has lasted, of the newest.
    """

    def __init__(self, session: Session, settings: MonitorSettings, alert_writer: AlertWriter) -> None:
        self._session = session
        self._settings = settings
        self._alert_writer = alert_writer

    def evaluate(self, start_of_changes: datetime, limit: datetime) -> None:
        """Evaluates the windows from `start_of_changes` on; those before `limit` are over."""
        reference = reference_of(self._session) or self._make_reference(limit, newest=False)
        if reference is None:
            return
        row, profile = reference
        # The reference's own windows say nothing.
        after = shift(window_start(row.since, self._settings.window), WIDTHS[self._settings.window])
        states = {name: DetectorState(self._session, self._settings, f"drift:{name}") for name in MEASURES}
        first = states[MEASURES[0]].begin(max(start_of_changes, after))
        windows = list(self._windows(first, limit))
        has_lasted = False
        for measure in MEASURES:
            values = [(start, profile.evaluate(measure, samples)) for start, samples in windows]
            detector = DriftDetector(self._settings, profile.values[measure], row.id)
            episodes = states[measure].evaluate(detector, values, first)
            self._alert_writer.update_alerts(measure, "", first, episodes)
            has_lasted = has_lasted or any(episode.ending and episode.ending.by == "lasting" for episode in episodes)
        if has_lasted:
            self._make_reference(limit, newest=True)

    def _windows(self, first: datetime, limit: datetime) -> Iterator[tuple[datetime, list[Sample]]]:
        query = select(MessageRow).where(MessageRow.time >= first, MessageRow.time < limit)
        rows = self._session.scalars(query.order_by(MessageRow.time, MessageRow.id).execution_options(yield_per=1000))
        for start, messages in groupby(rows, lambda row: window_start(row.time, self._settings.window)):
            yield start, [sample_of(row) for row in messages]

    def _make_reference(self, limit: datetime, *, newest: bool) -> tuple[ReferenceRow, TextProfile] | None:
        order = MessageRow.time.desc() if newest else MessageRow.id
        query = select(MessageRow).where(MessageRow.time < limit).order_by(order, MessageRow.id)
        rows = list(self._session.scalars(query.limit(self._settings.drift_reference)))
        if len(rows) < self._settings.drift_reference:
            return None
        profile = TextProfile.of([sample_of(row) for row in rows])
        row = ReferenceRow(since=max(row.time for row in rows), profile=profile.to_json())
        self._session.add(row)
        self._session.flush()
        return row, profile
