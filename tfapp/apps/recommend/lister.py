"""Makes a user's list: finds candidates, ranks them, and gives some places to new items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfapp.apps.recommend.candidates import Candidates, Search, Way, find_candidates
from tfapp.apps.recommend.diversity import diversify
from tfapp.apps.recommend.features import features
from tfapp.apps.recommend.linear import Linear
from tfapp.apps.recommend.moment import Moment
from tfapp.apps.recommend.profile import Profile
from tfapp.apps.recommend.ranking import Ranking
from tfapp.apps.recommend.settings import RecommendSettings
from tfapp.apps.shared.fusion import fuse

__all__ = ["Listed", "Lister", "Pairs"]

Pairs = Callable[[Profile, NDArray[np.intp]], NDArray[np.float64]]
"""Scores of a pair model: of what a user liked last, with the texts of items; float[items]."""

# Of how many of the best a list is put together, for each of its places, where it is to be diverse.
_POOL: Final = 5
_TEN: Final = 10


@dataclass(frozen=True)
class Listed:
    """An item of a list.

    Attributes:
        place: The item's place in the shelf.
        score: The higher the better, among the items of one list that are known, or that are new.
        ways: How it was found.
    """

    place: int
    score: float
    ways: tuple[Way, ...]


@dataclass(frozen=True)
class Lister:
    """Makes lists at a moment.

    Attributes:
        moment: What is known of the items.
        search: Finds items by a vector.
        settings: How lists are made.
        ranking: What was learnt; None: candidates are fused by their places.
        pairs: Asks a pair model; None: there is none.
    """

    moment: Moment
    search: Search
    settings: RecommendSettings
    ranking: Ranking | None = None
    pairs: Pairs | None = None

    def make(self, profile: Profile, count: int) -> list[Listed]:
        """A list for a user, best first.

        Args:
            profile: What is known of the user.
            count: How many items.

        Raises:
            ClientError: The pair model cannot be asked.
        """
        found = self.candidates(profile)
        known, new = self._known(profile, found), self._new(profile, found)
        kept = min(len(new), max(self.settings.new_places * count // _TEN, count - len(known)))
        chosen = [*self._choose(known, count - kept), *self._choose(new, kept)]
        ways = {way: set(places.tolist()) for way, places in found.ways.items()}
        return [
            Listed(place, score, tuple(way for way, places in ways.items() if place in places))
            for place, score in chosen
        ]

    def only_new(self, profile: Profile, count: int) -> list[Listed]:
        """The same of new items alone."""
        new = self._new(profile, self.candidates(profile))
        return [Listed(place, score, ("new",)) for place, score in self._choose(new, count)]

    def alike(self, profile: Profile, count: int) -> list[Listed]:
        """Items that go with what is in the history, by text and by who liked both; new ones by their text."""
        found = self.candidates(profile)
        near = self.search(profile.whole, self.settings.candidates) if profile.whole.any() else []
        own = set(profile.history.items.tolist())
        ways: dict[Way, list[int]] = {
            "text": [place for place, _ in near if place not in own],
            "together": [place for place in found.ways["together"].tolist() if place not in own],
        }
        return [
            Listed(place, score, tuple(way for way, places in ways.items() if place in places))
            for place, score in fuse(list(ways.values()))[:count]
        ]

    def candidates(self, profile: Profile) -> Candidates:
        """The items that may come into a user's list."""
        without = np.array([], np.intp) if self.settings.repeat else profile.history.seen
        return find_candidates(self.moment, profile, self.search, self.settings, without=without)

    def _known(self, profile: Profile, found: Candidates) -> list[tuple[int, float]]:
        """The items with events, best first, with their scores."""
        if self.ranking is None or not len(profile.history):
            return self._fused(profile, found)
        places, weights = found.known, self.ranking.known
        scores = weights.scores(features(self.moment, profile, places, weights.names)) if len(places) else np.array([])
        order = np.argsort(-scores, kind="stable")
        places, scores = places[order], scores[order]
        if self.pairs is not None and self.ranking.paired is not None and len(places):
            return self._paired(profile, places, scores, self.pairs, self.ranking.paired)
        return _pairs(places, scores)

    def _paired(
        self, profile: Profile, places: NDArray[np.intp], scores: NDArray[np.float64], pairs: Pairs, weights: Linear
    ) -> list[tuple[int, float]]:
        """Orders the best anew, with what the pair model says of them."""
        head = places[: self.settings.paired]
        own = features(self.moment, profile, head, weights.names[:-1])
        better = weights.scores(np.column_stack([own, pairs(profile, head)]))
        order = np.argsort(-better, kind="stable")
        # The others stay behind, at their distances.
        behind = scores[len(head) :]
        rest = behind - behind.max(initial=-np.inf) + better.min()
        return [*_pairs(head[order], better[order]), *_pairs(places[len(head) :], rest)]

    def _new(self, profile: Profile, found: Candidates) -> list[tuple[int, float]]:
        """The new items by their texts, best first; where nothing is known of the user, the newest first.

        Weights learnt from the few that were liked when they were new did not prove better than the bare cosine.
        """
        places, shelf = found.new, self.moment.shelf
        if profile.whole.any():
            return _pairs(places, (shelf.vectors[places] @ profile.whole).astype(np.float64))
        newest = places[np.argsort(-shelf.published[places], kind="stable")]
        return _pairs(newest, -np.arange(len(newest), dtype=np.float64))

    def _fused(self, profile: Profile, found: Candidates) -> list[tuple[int, float]]:
        """By the places that each way gives an item; of a user of whom only a text is known, what it finds is first."""
        ways = {way: places.tolist() for way, places in found.ways.items() if way != "new"}
        if profile.wanted is not None and not len(profile.history):
            order = dict.fromkeys([*ways["text"], *ways["popular"]])
            return [(place, -float(rank)) for rank, place in enumerate(order)]
        return fuse(list(ways.values()))

    def _choose(self, ranked: list[tuple[int, float]], count: int) -> list[tuple[int, float]]:
        pool = ranked[: count * _POOL] if self.settings.diversity else ranked[:count]
        scores = np.array([score for _, score in pool])
        vectors = self.moment.shelf.vectors[[place for place, _ in pool]]
        return [pool[row] for row in diversify(scores, vectors, diversity=self.settings.diversity, most=count)]


def _pairs(places: NDArray[np.intp], scores: NDArray[np.float64]) -> list[tuple[int, float]]:
    return [(int(place), float(score)) for place, score in zip(places, scores, strict=True)]
