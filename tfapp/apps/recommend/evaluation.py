"""Evaluates lists on the items that users liked after a time, beside popularity and item-kNN."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfapp.apps.recommend.candidates import exact_search
from tfapp.apps.recommend.event_log import EventLog
from tfapp.apps.recommend.item_matrix import ItemMatrix
from tfapp.apps.recommend.list_builder import ListBuilder, PairScorer
from tfapp.apps.recommend.past_lists import PastList, lists_after
from tfapp.apps.recommend.ranking_training import learn_ranking
from tfapp.apps.recommend.settings import RecommendSettings
from tfapp.apps.recommend.snapshot import Snapshot
from tfapp.apps.recommend.user_profile import UserProfile
from tfapp.core.ndcg import ndcg
from tfapp.errors import DataError

__all__ = ["ListEvaluation", "Score", "evaluate"]

_WITHOUT_NEW: Final = "ours, without places for new items"
Ranker = Callable[[PastList], NDArray[np.intp]]


@dataclass(frozen=True)
class Score:
    """The scores of one method of making lists.

    Attributes:
        ndcg: nDCG of the first ten, mean over users.
        recall: The share of the items liked later that are among the first ten, mean over users.
        coverage: The share of the items that are in anybody's first ten.
        users: Users.
    """

    ndcg: float
    recall: float
    coverage: float
    users: int


@dataclass(frozen=True)
class ListEvaluation:
    """The result of an evaluation.

    Attributes:
        events: Events before the time, from which everything was learnt.
        later: Events after it.
        lists: Past lists that the final ranking learnt from.
        all_items: By way, the lists of all items.
        new_items: By way, the lists of items without events before the time, for users who liked one of them.
    """

    events: int
    later: int
    lists: int
    all_items: Mapping[str, Score]
    new_items: Mapping[str, Score]


def evaluate(
    item_matrix: ItemMatrix,
    log: EventLog,
    settings: RecommendSettings,
    *,
    share: float = 0.2,
    after: int = 10,
    k: int = 10,
    pairs: PairScorer | None = None,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> ListEvaluation:
    """Trains on the events before a time, and evaluates on the items that users liked after it.

    A user's list is made of what the user had done before that time; of a user who had done less, of the first
    `after` events. What is known of items is of before that time for every way alike.

    Args:
        item_matrix: The items.
        log: Events.
        settings: How lists are made.
        share: Of the events, those after the time.
        after: Events of a user, at least, that a list is made of.
        k: Positions of a list that count.
        pairs: Asks a pair model.
        on_progress: Is told how many past lists are done, and of how many.

    Raises:
        DataError: Nobody liked anything after the time.
    """
    start = float(log.times[int((1 - share) * len(log))]) if len(log) else 0.0
    cases = list(lists_after(log, start, settings, depths=(after,)))
    if not cases:
        raise DataError(
            f"{len(log)} events: nobody liked anything after the first {1 - share:.0%} of them and {after} of their "
            "own; add more events, or ask for fewer with --after"
        )
    past = log.before(start)
    learning = learn_ranking(item_matrix, past, settings, pairs=pairs, on_progress=on_progress)
    snapshot = Snapshot.at(start, past, item_matrix, settings)
    list_builder = ListBuilder(snapshot, exact_search(snapshot), settings, learning.ranking, pairs)
    rankers, new_rankers = (_rankers(list_builder, k, new_only=new_only) for new_only in (False, True))
    new_item_cases = _select(cases, snapshot.new)
    return ListEvaluation(
        len(past),
        len(log) - len(past),
        learning.lists,
        {name: _score(ranker, cases, len(item_matrix), k) for name, ranker in rankers.items()},
        {name: _score(ranker, new_item_cases, len(item_matrix), k) for name, ranker in new_rankers.items()},
    )


def _rankers(list_builder: ListBuilder, k: int, *, new_only: bool) -> dict[str, Ranker]:
    """Returns the ways to make lists of all items, or of new ones alone."""
    snapshot = list_builder.snapshot
    items = snapshot.new if new_only else snapshot.available

    def rank_by(scores: Callable[[PastList], NDArray[np.float64]]) -> Ranker:
        return lambda case: _best(scores(case), items, case, k)

    def rank_with(builder: ListBuilder) -> Ranker:
        make = builder.only_new if new_only else builder.make
        return lambda case: np.array(
            [item.row for item in make(UserProfile.of(case.history, snapshot.item_matrix), k)], np.intp
        )

    baseline = {} if new_only else {"popularity of late": rank_by(lambda _: snapshot.popularity.current)}
    known_builder = replace(list_builder, settings=list_builder.settings.model_copy(update={"new_places": 0}))
    without = {} if new_only or not list_builder.settings.new_places else {_WITHOUT_NEW: rank_with(known_builder)}
    return {
        "popularity": rank_by(lambda _: snapshot.popularity.events),
        **baseline,
        "item-kNN": rank_by(lambda case: snapshot.like_cooccurrence.scores(case.history.items, case.history.likes)),
        "text alone": rank_by(lambda case: _cosines(snapshot, case)),
        "ours": rank_with(list_builder),
        **without,
    }


def _cosines(snapshot: Snapshot, case: PastList) -> NDArray[np.float64]:
    # Over 0, for an item without a score is not listed; a cosine is -1 or more.
    return (snapshot.item_matrix.vectors @ UserProfile.of(case.history, snapshot.item_matrix).whole).astype(
        np.float64
    ) + 2.0


def _best(scores: NDArray[np.float64], available: NDArray[np.bool_], case: PastList, k: int) -> NDArray[np.intp]:
    """Returns the items with the greatest scores over 0 that the user has not seen."""
    mask = available & (scores > 0)
    mask[case.history.seen] = False
    rows = np.flatnonzero(mask)
    return rows[np.argsort(-scores[rows], kind="stable")[:k]]


def _select(cases: Sequence[PastList], items: NDArray[np.bool_]) -> list[PastList]:
    """Returns the lists of users who liked some of the given items, with these as the only relevant ones."""
    lists = (PastList(case.user, case.history, case.relevant[items[case.relevant]]) for case in cases)
    return [past_list for past_list in lists if len(past_list.relevant)]


def _score(ranker: Ranker, cases: Sequence[PastList], count: int, k: int) -> Score:
    gains, recalls, coverage = [], [], set[int]()
    for case in cases:
        rows = ranker(case)
        gains.append(_gain(case.relevant, rows, count, k))
        recalls.append(np.isin(case.relevant, rows).mean())
        coverage |= set(rows.tolist())
    gain, recall = (float(np.mean(values)) if cases else 0.0 for values in (gains, recalls))
    return Score(gain, recall, len(coverage) / max(count, 1), len(cases))


def _gain(relevant: NDArray[np.intp], ranking: NDArray[np.intp], count: int, k: int) -> float:
    """Returns the nDCG of a list; places that a short one leaves empty gain nothing."""
    grades, scores = np.zeros(count + k), np.full(count + k, -np.inf)
    grades[relevant] = 1
    scores[count:] = -len(ranking) - np.arange(k)
    scores[ranking] = -np.arange(len(ranking))
    return ndcg(grades, scores, k)
