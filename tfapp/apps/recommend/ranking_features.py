"""Computes the features of candidates for the final ranking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfapp.apps.recommend.snapshot import Snapshot
from tfapp.apps.recommend.user_profile import UserProfile

__all__ = ["feature_names", "features"]

FeatureColumns = dict[str, NDArray[np.float64]]

_DAY: Final = 86_400.0

# Beside the likes of late. More of the kind (ranks, means of the best, all events, the whole profile) made MovieLens'
# validation lists worse.
_NAMES: Final = (
    *("together", "together_log", "together_recent", "met_log", "share", "likes"),
    *("recent_profile", "nearest", "tags", "age"),
)


def feature_names(days: int) -> tuple[str, ...]:
    """Returns the names of the features, with one for each half-life of popularity."""
    return (*_NAMES, *(f"lately_{index}" for index in range(days)))


def features(
    snapshot: Snapshot, profile: UserProfile, rows: NDArray[np.intp], names: Sequence[str]
) -> NDArray[np.float64]:
    """Returns the features of some items for a user.

    Args:
        snapshot: What is known of the items.
        profile: What is known of the user.
        rows: int[C], items.
        names: Which features.

    Returns:
        float[C, names].
    """
    columns = _text(snapshot, profile, rows) | _cooccurrence(snapshot, profile, rows) | _popular(snapshot, rows)
    return np.stack([columns[name] for name in names], axis=1)


def _text(snapshot: Snapshot, profile: UserProfile, rows: NDArray[np.intp]) -> FeatureColumns:
    item_matrix, history = snapshot.item_matrix, profile.history
    vectors, likes = item_matrix.vectors[rows], history.items[history.strengths > 0]
    cosines = (vectors @ item_matrix.vectors[likes].T).astype(np.float64)
    if profile.request is not None:
        cosines = np.concatenate([cosines, (vectors @ profile.request)[:, None]], axis=1)
    tags = item_matrix.tags[rows] @ (item_matrix.tags[history.items].T @ history.strengths) / max(len(history), 1)
    age = (snapshot.newest - item_matrix.published[rows]) / _DAY
    return {
        "recent_profile": (vectors @ profile.recent).astype(np.float64),
        "nearest": cosines.max(axis=1, initial=0.0),
        "tags": np.asarray(tags),
        # An item without a time is old.
        "age": np.log1p(np.clip(np.nan_to_num(age, posinf=36_500), 0, 36_500)),
    }


def _cooccurrence(snapshot: Snapshot, profile: UserProfile, rows: NDArray[np.intp]) -> FeatureColumns:
    history, cooccurrence = profile.history, snapshot.like_cooccurrence
    likes, recent_likes = history.likes, history.recent_likes
    like_shares = cooccurrence.scores(history.items, likes)[rows] / (likes.sum() + 1)
    event_shares = snapshot.event_cooccurrence.scores(history.items, np.ones(len(history)))[rows] / max(len(history), 1)
    return {
        "together": like_shares,
        "together_log": np.log1p(100 * like_shares),
        "together_recent": cooccurrence.scores(history.items, recent_likes)[rows] / (recent_likes.sum() + 1),
        "met_log": np.log1p(100 * event_shares),
    }


def _popular(snapshot: Snapshot, rows: NDArray[np.intp]) -> FeatureColumns:
    popularity = snapshot.popularity
    lately = {f"lately_{number}": np.log1p(counts[rows]) for number, counts in enumerate(popularity.lately)}
    return {"share": popularity.share[rows], "likes": np.log1p(popularity.likes[rows]), **lately}
