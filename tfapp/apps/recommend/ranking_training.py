"""Trains the final ranking on lists of the past."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfapp.apps.recommend.candidates import exact_search
from tfapp.apps.recommend.event_log import EventLog
from tfapp.apps.recommend.item_matrix import ItemMatrix
from tfapp.apps.recommend.list_builder import ListBuilder, PairScorer
from tfapp.apps.recommend.logistic_weights import LogisticWeights, Ranking
from tfapp.apps.recommend.pair_model import item_text, liked_text
from tfapp.apps.recommend.past_lists import PastList, past_lists
from tfapp.apps.recommend.ranking_features import feature_names, features
from tfapp.apps.recommend.settings import RecommendSettings
from tfapp.apps.recommend.snapshot import Snapshot
from tfapp.apps.recommend.user_profile import UserProfile

__all__ = ["RankingResult", "collect_rows", "learn_ranking", "pair_rows"]

# Lists that are learnt from, at most: more cost time and change little.
_LISTS: Final = 1500
# How far a row of a list counts less, the more of the list was liked: at 0 users who like much rule, which is better
# for nDCG; at 1 all lists count alike, which is better for recall.
_EVENNESS: Final = 0.25
# Of the times of the past the first so many are for a pair model to learn from, the others for its weight.
PAIR_TIMES: Final = 2


@dataclass
class FeatureRows:
    """The features of listed items, and whether they were liked.

    Attributes:
        names: The features.
        values: Of each list, float[C, F].
        labels: Of each list, whether an item was liked, bool[C].
    """

    names: tuple[str, ...]
    values: list[NDArray[np.float64]] = field(default_factory=list)
    labels: list[NDArray[np.bool_]] = field(default_factory=list)

    def add(self, values: NDArray[np.float64], labels: NDArray[np.bool_]) -> None:
        """Adds a list."""
        self.values.append(values)
        self.labels.append(labels)

    def fit(self) -> LogisticWeights | None:
        """Fits the weights; None where there is nothing to learn."""
        if not self.values:
            return None
        counts = np.concatenate([np.full(len(labels), labels.sum() ** -_EVENNESS) for labels in self.labels])
        columns = np.concatenate(self.values), np.concatenate(self.labels)
        return LogisticWeights.fit(self.names, *columns, counts / counts.mean())


class RankingResult(NamedTuple):
    """The trained ranking, None where there are too few events, and the number of past lists that it learnt from."""

    ranking: Ranking | None
    lists: int


def learn_ranking(
    item_matrix: ItemMatrix,
    log: EventLog,
    settings: RecommendSettings,
    *,
    pairs: PairScorer | None = None,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> RankingResult:
    """Trains the final ranking.

    The score of a pair model, where there is one, becomes a feature.

    Raises:
        ClientError: The pair model cannot be asked.
    """
    from threadpoolctl import threadpool_limits

    # The matrices are small: several threads would only wait for each other.
    with threadpool_limits(1):
        item_rows, scorer_rows, lists = collect_rows(item_matrix, log, settings, pairs=pairs, on_progress=on_progress)
        weights = item_rows.fit()
        return RankingResult(None if weights is None else Ranking(weights, scorer_rows.fit()), lists)


def collect_rows(
    item_matrix: ItemMatrix,
    log: EventLog,
    settings: RecommendSettings,
    *,
    pairs: PairScorer | None = None,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> tuple[FeatureRows, FeatureRows, int]:
    """Returns the features of items of past lists, the same with a pair model's score, and the number of lists.

    Args and errors are those of `learn_ranking`.
    """
    random = np.random.default_rng(settings.seed)
    names = feature_names(len(settings.popular_days))
    item_rows, scorer_rows = FeatureRows(names), FeatureRows((*names, "pair"))
    snapshots = _draw_lists(list(past_lists(log, settings)), random)
    total, count = sum(len(lists) for _, lists in snapshots), 0
    for index, (time, lists) in enumerate(snapshots):
        list_builder = _list_builder(time, log, item_matrix, settings)
        for past in lists:
            # A pair model has learnt from the lists before; of those it knows too well what was liked.
            scorer = pairs if index >= PAIR_TIMES else None
            _add_known_items(list_builder, past, random, (item_rows, scorer_rows), scorer)
            count += 1
            if on_progress:
                on_progress(count, total)
    return item_rows, scorer_rows, total


def pair_rows(item_matrix: ItemMatrix, log: EventLog, settings: RecommendSettings) -> Iterator[tuple[str, str, int]]:
    """Yields training rows of a pair model: a user's last liked items, an item's text, and whether it was liked."""
    random = np.random.default_rng(settings.seed)
    lists_by_time = list(past_lists(log, settings))[:PAIR_TIMES]
    for time, lists in _draw_lists(lists_by_time, random):
        list_builder = _list_builder(time, log, item_matrix, settings)
        for past in lists:
            query = liked_text(past.history, item_matrix)
            rows = list_builder.candidates(UserProfile.of(past.history, item_matrix)).old_items
            rows, labels = _sample(rows, past.relevant, len(past.relevant), random)
            if query:
                yield from (
                    (query, item_text(item_matrix, int(row)), int(label))
                    for row, label in zip(rows, labels, strict=True)
                )


def _draw_lists(
    lists_by_time: Sequence[tuple[float, list[PastList]]], random: np.random.Generator
) -> list[tuple[float, list[PastList]]]:
    total = sum(len(lists) for _, lists in lists_by_time)
    share = min(1.0, _LISTS / max(total, 1))
    return [
        (time, [past_list for past_list in lists if share == 1 or random.random() < share])
        for time, lists in lists_by_time
    ]


def _list_builder(time: float, log: EventLog, item_matrix: ItemMatrix, settings: RecommendSettings) -> ListBuilder:
    snapshot = Snapshot.at(time, log, item_matrix, settings)
    return ListBuilder(snapshot, exact_search(snapshot), settings)


def _add_known_items(
    list_builder: ListBuilder,
    past: PastList,
    random: np.random.Generator,
    tables: tuple[FeatureRows, FeatureRows],
    pairs: PairScorer | None,
) -> None:
    item_rows, scorer_rows = tables
    profile = UserProfile.of(past.history, list_builder.snapshot.item_matrix)
    rows = list_builder.candidates(profile).old_items
    rows, labels = _sample(rows, past.relevant, list_builder.settings.negatives, random)
    if not labels.any():
        return
    values = features(list_builder.snapshot, profile, rows, item_rows.names)
    item_rows.add(values, labels)
    if pairs is not None:
        scorer_rows.add(np.column_stack([values, pairs(profile, rows)]), labels)


def _sample(
    rows: NDArray[np.intp], relevant: NDArray[np.intp], negatives: int, random: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Returns all items that were liked, and a sample of the others."""
    labels = np.isin(rows, relevant)
    others = np.flatnonzero(~labels)
    if len(others) > negatives:
        others = random.choice(others, negatives, replace=False)
    sample = np.sort(np.concatenate([np.flatnonzero(labels), others]))
    return rows[sample], labels[sample]
