"""How good the lists are, on what users liked after a time; beside what is popular and item-kNN."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tfapp.apps.recommend.candidates import exact_search
from tfapp.apps.recommend.examples import Occasion, occasions
from tfapp.apps.recommend.lister import Lister, Pairs
from tfapp.apps.recommend.log import Log
from tfapp.apps.recommend.moment import Moment
from tfapp.apps.recommend.profile import Profile
from tfapp.apps.recommend.settings import RecommendSettings
from tfapp.apps.recommend.shelf import Shelf
from tfapp.apps.recommend.training import learn_ranking
from tfapp.core.ndcg import ndcg
from tfapp.errors import DataError

__all__ = ["Evaluation", "Score", "evaluate"]

Ranker = Callable[[Occasion], NDArray[np.intp]]


@dataclass(frozen=True)
class Score:
    """What a way of making lists comes to.

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
class Evaluation:
    """What an evaluation found.

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
    shelf: Shelf,
    log: Log,
    settings: RecommendSettings,
    *,
    share: float = 0.2,
    after: int = 10,
    most: int = 10,
    pairs: Pairs | None = None,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> Evaluation:
    """Learns from the events before a time, and judges by what users liked after it.

    A user's list is made of what the user had done before that time; of a user who had done less, of the first
    `after` events. What is known of items is of before that time for every way alike.

    Args:
        shelf: The items.
        log: Events.
        settings: How lists are made.
        share: Of the events, those after the time.
        after: Events of a user, at least, that a list is made of.
        most: Places of a list that count.
        pairs: Asks a pair model.
        on_progress: Is told how many past lists are done, and of how many.

    Raises:
        DataError: Nobody liked anything after the time.
    """
    start = float(log.times[int((1 - share) * len(log))]) if len(log) else 0.0
    cases = list(occasions(log, start, settings, depths=(after,)))
    if not cases:
        raise DataError(
            f"{len(log)} events: nobody liked anything after the first {1 - share:.0%} of them and {after} of their "
            "own; add more events, or ask for fewer with --after"
        )
    past = log.before(start)
    lesson = learn_ranking(shelf, past, settings, pairs=pairs, on_progress=on_progress)
    moment = Moment.at(start, past, shelf, settings)
    lister = Lister(moment, exact_search(moment), settings, lesson.ranking, pairs)
    ways = _ways(lister, most)
    new, fresh = _new_ways(lister, most), _only(cases, moment.new)
    return Evaluation(
        len(past),
        len(log) - len(past),
        lesson.lists,
        {name: _score(way, cases, len(shelf), most) for name, way in ways.items()},
        {name: _score(way, fresh, len(shelf), most) for name, way in new.items()},
    )


def _ways(lister: Lister, most: int) -> dict[str, Ranker]:
    moment = lister.moment
    found = moment.popularity

    def made(chosen: Lister) -> Ranker:
        return lambda one: np.array(
            [listed.place for listed in chosen.make(Profile.of(one.history, moment.shelf), most)], np.intp
        )

    settings = lister.settings
    only_known = replace(lister, settings=settings.model_copy(update={"new_places": 0}))
    without = {"ours, without places for new items": made(only_known)} if settings.new_places else {}

    def scored(scores: Callable[[Occasion], NDArray[np.float64]]) -> Ranker:
        return lambda occasion: _best(scores(occasion), moment.there, occasion, most)

    return {
        "popularity": scored(lambda _: found.events),
        "popularity of late": scored(lambda _: found.current),
        "item-kNN": scored(lambda one: moment.liked.scores(one.history.items, one.history.likes)),
        "text alone": scored(lambda one: _near(moment, one)),
        "ours": made(lister),
        **without,
    }


def _new_ways(lister: Lister, most: int) -> dict[str, Ranker]:
    moment = lister.moment

    def ours(occasion: Occasion) -> NDArray[np.intp]:
        profile = Profile.of(occasion.history, moment.shelf)
        return np.array([listed.place for listed in lister.only_new(profile, most)], np.intp)

    def scored(scores: Callable[[Occasion], NDArray[np.float64]]) -> Ranker:
        return lambda occasion: _best(scores(occasion), moment.new, occasion, most)

    return {
        "popularity": scored(lambda _: moment.popularity.events),
        "item-kNN": scored(lambda one: moment.liked.scores(one.history.items, one.history.likes)),
        "text alone": scored(lambda one: _near(moment, one)),
        "ours": ours,
    }


def _near(moment: Moment, occasion: Occasion) -> NDArray[np.float64]:
    # Over 0, for an item without a score is not listed; a cosine is -1 or more.
    return (moment.shelf.vectors @ Profile.of(occasion.history, moment.shelf).whole).astype(np.float64) + 2.0


def _best(scores: NDArray[np.float64], open_: NDArray[np.bool_], occasion: Occasion, most: int) -> NDArray[np.intp]:
    """The items with the greatest scores over 0 that the user has not seen."""
    chosen = open_ & (scores > 0)
    chosen[occasion.history.seen] = False
    places = np.flatnonzero(chosen)
    return places[np.argsort(-scores[places], kind="stable")[:most]]


def _only(cases: Sequence[Occasion], wanted: NDArray[np.bool_]) -> list[Occasion]:
    """The cases in which one of some items was liked, with these alone."""
    cut = (Occasion(one.user, one.history, one.liked[wanted[one.liked]]) for one in cases)
    return [one for one in cut if len(one.liked)]


def _score(way: Ranker, cases: Sequence[Occasion], count: int, most: int) -> Score:
    gains, recalls, shown = [], [], set[int]()
    for case in cases:
        chosen = way(case)
        gains.append(_gain(case.liked, chosen, count, most))
        recalls.append(np.isin(case.liked, chosen).mean())
        shown |= set(chosen.tolist())
    gain, recall = (float(np.mean(values)) if cases else 0.0 for values in (gains, recalls))
    return Score(gain, recall, len(shown) / max(count, 1), len(cases))


def _gain(liked: NDArray[np.intp], chosen: NDArray[np.intp], count: int, most: int) -> float:
    """What a list gains, by nDCG; places that a short one leaves empty gain nothing."""
    grades, scores = np.zeros(count + most), np.full(count + most, -np.inf)
    grades[liked] = 1
    scores[count:] = -len(chosen) - np.arange(most)
    scores[chosen] = -np.arange(len(chosen))
    return ndcg(grades, scores, most)
