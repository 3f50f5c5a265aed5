from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from tests.apps.monitor.stream import HOUR, START
from tfapp.apps.monitor.drift_detector import DriftDetector
from tfapp.apps.monitor.episode import Episode, fold
from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.monitor.text_profile import Sample, TextProfile

SETTINGS = MonitorSettings(false_alerts=3, drift_distance=0.25, drift_texts=10, history=8)
RANDOM = np.random.default_rng(3)
REFERENCE = list(RANDOM.normal(10, 2, 400))


def normal(mean: float, texts: int = 60) -> list[float]:
    return list(RANDOM.normal(mean, 2, texts))


def detect(*windows: list[float]) -> list[Episode]:
    timed_windows = [(START + n * HOUR, window) for n, window in enumerate(windows)]
    return fold(DriftDetector(SETTINGS, REFERENCE, 1), timed_windows, None)[1]


def test_a_shift_is_found_and_ends_after_two_usual_windows() -> None:
    (episode,) = detect(*[normal(10)] * 3, normal(13), normal(13), normal(10), normal(13), normal(10), normal(10))
    assert (episode.start - START) / HOUR == 3
    assert episode.ending is not None
    assert ((episode.ending.end - START) / HOUR, episode.ending.by) == (7, "normal")
    assert episode.before == pytest.approx(10, abs=0.3)
    assert episode.after == pytest.approx(13, abs=0.8)


def test_its_p_value_is_that_of_the_two_sample_test() -> None:
    window = normal(13)
    (episode,) = detect(window)
    assert episode.p_value == pytest.approx(ks_2samp(window, REFERENCE).pvalue)


def test_few_texts_small_shifts_and_chance_are_no_drift() -> None:
    assert detect(normal(16, 9), normal(10.5, 3000), *[normal(10) for _ in range(30)]) == []


def test_a_drift_that_lasts_waits_for_another_reference() -> None:
    windows = [(START + n * HOUR, normal(14)) for n in range(20)]
    verdicts, (episode,) = fold(DriftDetector(SETTINGS, REFERENCE, 1), windows, None)
    assert episode.ending is not None
    assert ((episode.ending.end - START) / HOUR, episode.ending.by) == (8, "lasting")
    newer = DriftDetector(SETTINGS, normal(14, 400), 2)
    assert fold(newer, windows, verdicts[-1][1].state)[1] == []


def test_a_profile_measures_words_length_and_confidence() -> None:
    texts = ["the phone is good", "the phone is great", "The parcel came", "a parcel came late"]
    profile = TextProfile.of([Sample(text, 0.9) for text in texts])
    assert profile == TextProfile.from_json(profile.to_json())
    assert profile.known == {"the", "phone", "is", "good", "parcel", "came"}
    assert profile.values["vocabulary"] == [0.25, 0.5]
    assert profile.values["length"] == [4, 4, 3, 4]
    new = [Sample("PHONE phone xyzzy", 0.4), Sample("?!", 0.3)]
    assert profile.evaluate("vocabulary", new) == [pytest.approx(1 / 3), 0.0]
    assert profile.evaluate("confidence", new) == [0.4, 0.3]
