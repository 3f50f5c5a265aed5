from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.apps.monitor.stream import HOUR, START
from tfapp.apps.monitor.episode import Episode, fold
from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.monitor.share_change_detector import ShareChangeDetector, SharePoint

SETTINGS = MonitorSettings(history=20, least_history=6, guard=1, spans=(1, 2, 4), least_rise=0.05)


def detect(
    counts: Sequence[tuple[int, int]], settings: MonitorSettings = SETTINGS
) -> tuple[list[Episode], Mapping[str, Any]]:
    """Judges hours of (texts, negatives); gives the episodes and the last state."""
    points = [SharePoint(START + n * HOUR, *pair) for n, pair in enumerate(counts) if pair[0]]
    windows = [(point.start, points[: place + 1]) for place, point in enumerate(points)]
    verdicts, episodes = fold(ShareChangeDetector(settings, 1e-3), windows, None)
    return episodes, verdicts[-1][1].state


def hours(episode: Episode) -> tuple[float, float, float | None]:
    end = None if episode.ending is None else (episode.ending.end - START) / HOUR
    return (episode.start - START) / HOUR, (episode.found - START) / HOUR, end


CALM = [(20, 4)] * 12
SURGE = [(20, 14)] * 5


def test_a_surge_is_found_at_once_with_its_size_and_ends() -> None:
    (episode,), _ = detect([*CALM, *SURGE, *CALM])
    assert hours(episode) == (12, 12, 17)
    assert (round(episode.before, 1), episode.after, episode.texts, episode.negatives) == (0.2, 0.7, 20, 14)
    assert episode.ending is not None
    assert episode.ending.by == "normal"
    assert episode.p_value < 1e-3


def test_there_is_no_second_alert_while_it_wavers() -> None:
    wavers = [(20, 14), (20, 9), (20, 13), (3, 0), (20, 8), (20, 12), (20, 15)]
    assert len(detect([*CALM, *wavers])[0]) == 1


def test_there_is_one_for_the_next_surge_and_the_last_one_is_no_history_of_it() -> None:
    first, second = detect([*CALM, *SURGE, *CALM, *SURGE])[0]
    assert hours(second) == (29, 29, None)
    assert second.before == pytest.approx(first.before, abs=0.01)


def test_a_rise_that_lasts_becomes_what_is_usual() -> None:
    episodes, state = detect([*CALM, *([(20, 14)] * 60)])
    assert [hours(episode) for episode in episodes] == [(12, 12, 32)]
    assert episodes[0].ending is not None
    assert episodes[0].ending.by == "lasting"
    assert state["open"] is None
    # From there on, it takes more.
    long_episodes, _ = detect([*CALM, *([(20, 12)] * 50), *([(20, 20)] * 3)])
    assert [hours(episode)[0] for episode in long_episodes] == [12, 62]


def test_a_small_rise_is_found_by_several_windows_together() -> None:
    (episode,), _ = detect([*([(20, 4)] * 20), *([(20, 9)] * 6)])
    assert hours(episode)[1] > 20
    assert hours(episode)[0] == 20
    only_one = SETTINGS.model_copy(update={"spans": (1,)})
    assert detect([*([(20, 4)] * 20), *([(20, 9)] * 6)], only_one)[0] == []


@pytest.mark.parametrize(
    "counts",
    [
        [*CALM, (2, 2), *CALM],
        [(20, 14)] * 6,
        [(20, 4)] * 5 + [(20, 20)],
        [*([(400, 80)] * 12), *([(400, 96)] * 6)],
        [(20, 2), (20, 8)] * 6 + [(20, 9)],
        [(0, 0)] * 30 + [(20, 20)],
    ],
    ids=["few texts", "no history", "short history", "small but sure", "wild history", "silence before"],
)
def test_these_are_no_alerts(counts: list[tuple[int, int]]) -> None:
    assert detect(counts)[0] == []


def test_judging_may_stop_and_go_on_anywhere() -> None:
    counts = [*CALM, *SURGE, *CALM, *SURGE, *CALM]
    points = [SharePoint(START + n * HOUR, *pair) for n, pair in enumerate(counts)]
    windows = [(point.start, points[: place + 1]) for place, point in enumerate(points)]
    detector = ShareChangeDetector(SETTINGS, 1e-3)
    changes, episodes = fold(detector, windows, None)
    for cut in (3, 13, 18, 31):
        first, _ = fold(detector, windows[:cut], None)
        rest, rest_episodes = fold(detector, windows[cut:], first[-1][1].state)
        assert [*first, *rest] == changes
        expected = [episode for episode in episodes if episode.ending and episode.ending.end > START + cut * HOUR]
        assert [episode.start for episode in rest_episodes if episode.ending] == [episode.start for episode in expected]
