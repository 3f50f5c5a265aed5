"""Nothing of the future is in what lists are made of, or in what the ranking learns its features from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.apps.recommend.library import made_event_log, made_item_matrix
from tfapp.apps.recommend.candidates import exact_search
from tfapp.apps.recommend.event_log import EventLog
from tfapp.apps.recommend.list_builder import ListBuilder
from tfapp.apps.recommend.past_lists import lists_after, past_lists
from tfapp.apps.recommend.ranking_features import feature_names, features
from tfapp.apps.recommend.ranking_training import collect_rows
from tfapp.apps.recommend.settings import RecommendSettings
from tfapp.apps.recommend.snapshot import Snapshot
from tfapp.apps.recommend.user_profile import UserHistory, UserProfile

SETTINGS = RecommendSettings()
ITEM_MATRIX = made_item_matrix(30)
LOG = made_event_log(30, users=20, each=8)


def alter(log: EventLog, time: float, seed: int) -> EventLog:
    """The same before a time; anything from it on."""
    random = np.random.default_rng(seed)
    past, count = log.before(time), int(random.integers(1, 200))
    future = EventLog.of(
        random.integers(0, 25, count),
        random.integers(0, 30, count),
        random.choice([-1.0, 0.0, 1.0], count),
        random.random(count) < 0.5,
        time + random.integers(0, 5000, count),
    )
    names = ("users", "items", "strengths", "rated", "times")
    return EventLog.of(*(np.concatenate([getattr(past, name), getattr(future, name)]) for name in names))


def all_features(log: EventLog, time: float) -> np.ndarray:
    """Returns the features of every user and every item, and the lists, at a moment."""
    snapshot = Snapshot.at(time, log, ITEM_MATRIX, SETTINGS)
    names = feature_names(len(SETTINGS.popular_days))
    arrays = []
    for events in log.before(time).by_user():
        profile = UserProfile.of(UserHistory.of(events, max_items=100, half_life=10), ITEM_MATRIX)
        suggestions = ListBuilder(snapshot, exact_search(snapshot), SETTINGS).make(profile, 10)
        arrays.append(features(snapshot, profile, np.arange(30), names).ravel())
        arrays.append(np.array([value for suggestion in suggestions for value in (suggestion.row, suggestion.score)]))
    return np.concatenate(arrays)


@settings(max_examples=15, deadline=None)
@given(time=st.floats(1000, 8000), seed=st.integers(0, 1000))
def test_altering_the_future_changes_no_feature_and_no_list(time: float, seed: int) -> None:
    np.testing.assert_array_equal(all_features(alter(LOG, time, seed), time), all_features(LOG, time))


@settings(max_examples=15, deadline=None)
@given(start=st.floats(0, 8000), depth=st.integers(1, 6))
def test_what_is_liked_comes_after_all_of_the_history(start: float, depth: int) -> None:
    times = {(user, item): [] for user in range(20) for item in range(30)}  # type: dict[tuple[int, int], list[float]]
    for user, item, time in zip(LOG.users.tolist(), LOG.items.tolist(), LOG.times.tolist(), strict=True):
        times[user, item].append(time)
    for past in lists_after(LOG, start, SETTINGS, depths=(depth,)):
        history = [min(times[past.user, item]) for item in past.history.items.tolist()]
        assert len(past.history) <= max(depth, int((LOG.times[LOG.users == past.user] < start).sum()))
        for item in past.relevant.tolist():
            assert min(times[past.user, item]) > max(history)
            assert min(times[past.user, item]) >= start


def test_a_moment_of_training_knows_what_came_before_it_alone() -> None:
    for time, items in past_lists(LOG, SETTINGS):
        assert items
        assert Snapshot.at(time, LOG, ITEM_MATRIX, SETTINGS).popularity.events.sum() == (LOG.times < time).sum()


def test_learning_from_the_past_takes_the_same_rows_whatever_follows() -> None:
    time = float(LOG.times[100])
    rows = [collect_rows(ITEM_MATRIX, log.before(time), SETTINGS)[0] for log in (LOG, alter(LOG, time, 3))]
    for value, expected in zip(rows[0].values, rows[1].values, strict=True):
        np.testing.assert_array_equal(value, expected)


def test_a_leak_would_be_seen() -> None:
    time = 4000.0
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(all_features(alter(LOG, time, 1), time + 3000), all_features(LOG, time + 3000))
