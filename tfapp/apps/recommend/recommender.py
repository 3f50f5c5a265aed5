"""Recommends items to users, with reasons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tfapp_client import Client
from tfapp_client.errors import ClientError

from tfapp.apps.recommend.catalogue import Catalogue
from tfapp.apps.recommend.event_log import EventLog
from tfapp.apps.recommend.list_builder import ListBuilder, ListedItem
from tfapp.apps.recommend.logistic_weights import Ranking
from tfapp.apps.recommend.pair_model import pair_scores
from tfapp.apps.recommend.settings import RecommendSettings
from tfapp.apps.recommend.snapshot import Snapshot
from tfapp.apps.recommend.suggestion import Reason, Suggestion, Suggestions, reasons_for
from tfapp.apps.recommend.user_profile import UserHistory, UserProfile
from tfapp.apps.shared.embedding_client import EmbeddingClient
from tfapp.apps.shared.model_errors import translate_client_errors
from tfapp.apps.shared.vector_index import Hit, VectorIndex
from tfapp.data.stored_texts import tidy
from tfapp.errors import DataError, SettingsError, did_you_mean

__all__ = ["Recommender"]

# More items than are asked for: some of the nearest may be known to the user, or not be out yet.
_SPARE: Final = 50


@dataclass(frozen=True)
class Recommender:
    """Makes lists for users, with reasons.

    What is known of all items is that of the time when it was made; a user's own events are read at each call, so
    that the newest ones count at once. It keeps no state, and several threads may use it.

    Attributes:
        catalogue: Reads users' events.
        snapshot: What is known of the items.
        index: Their vectors, by their rows in the database.
        ranking: What was learnt; None: nothing yet.
        settings: How lists are made.
        connect: Gives a client of the model server; it is called when a model must be asked, and not before.
        embedder: What made the vectors, as NAME/VERSION; None: there are none.
    """

    catalogue: Catalogue
    snapshot: Snapshot
    _: KW_ONLY
    index: VectorIndex
    ranking: Ranking | None
    settings: RecommendSettings
    connect: Callable[[], Client]
    embedder: str | None

    def recommend(self, user: str, k: int = 10, *, about: str | None = None, new_only: bool = False) -> Suggestions:
        """Returns a list for a user.

        Args:
            user: The user; of one who is not known, or has done nothing yet, nothing but `about` is known.
            k: How many items.
            about: What the user says to look for; joins what is known of the user.
            new_only: Only items of which nothing is known but the text.

        Raises:
            SettingsError: `k` is below 1.
            ServerError: `about` cannot be embedded, as the model server cannot be asked.
            StoreError: The database cannot be used.
        """
        _check(k)
        request = tidy(about or "")
        request_vector = self._embed(request) if request else None
        profile = UserProfile.of(self._history(user), self.snapshot.item_matrix, request_vector)
        items, failure = self._build_list(profile, k, new_only=new_only)
        suggestions = tuple(self._suggestion(item, profile, request or "") for item in items)
        return Suggestions(user, len(profile.history), self.ranking is not None, suggestions, failure)

    def similar(self, item: str, k: int = 10) -> Suggestions:
        """Returns items like an item: those with similar texts and those that the same users liked, fused by rank.

        Raises:
            DataError: There is no such item.
            SettingsError: `k` is below 1.
        """
        _check(k)
        item_matrix = self.snapshot.item_matrix
        row = item_matrix.rows_by_key.get(item)
        if row is None:
            raise DataError(f"{item}: no such item{did_you_mean(item, item_matrix.rows_by_key)}")
        # As if it were all that a user had ever liked.
        rows = np.array([row], np.intp)
        history = UserHistory(rows, rows, np.ones(1), self.settings.half_life)
        profile = UserProfile.of(history, item_matrix)
        list_builder = replace(self._list_builder(), ranking=None, pairs=None)
        suggestions = tuple(self._suggestion(item, profile, "") for item in list_builder.alike(profile, k))
        return Suggestions(item, 0, self.ranking is not None, suggestions)

    def past(self, user: str, limit: int = 10) -> list[str]:
        """Returns the titles of a user's last items, newest first."""
        items = self._history(user).seen[::-1][:limit]
        return [self.snapshot.item_matrix.items[row].title for row in items]

    def _build_list(self, profile: UserProfile, count: int, *, new_only: bool) -> tuple[Sequence[ListedItem], str]:
        """Returns the list, and the model that could not be asked."""
        list_builder, ranker = self._list_builder(), self.settings.ranker
        if new_only:
            return list_builder.only_new(profile, count), ""
        try:
            items = list_builder.make(profile, count)
        except ClientError:
            return replace(list_builder, pairs=None).make(profile, count), f"{ranker}, which could not be asked"
        unlearnt = ranker is not None and (self.ranking is None or self.ranking.paired is None)
        return items, f"{ranker}, without which the ranking was trained; tfapp recommend train" if unlearnt else ""

    def _list_builder(self) -> ListBuilder:
        pairs = None
        if self.settings.ranker is not None:
            pairs = pair_scores(self.connect, self.settings.ranker, self.snapshot.item_matrix)
        return ListBuilder(self.snapshot, self._search, self.settings, self.ranking, pairs)

    def _search(self, vector: NDArray[np.float32], count: int) -> list[Hit]:
        numbers, is_available = self.snapshot.item_matrix.numbers, self.snapshot.available
        hits = [(numbers.get(number, -1), cosine) for number, cosine in self.index.search(vector, count + _SPARE)]
        return [(row, cosine) for row, cosine in hits if row >= 0 and is_available[row]][:count]

    def _history(self, user: str) -> UserHistory:
        log: EventLog = self.catalogue.log_of(user, self.snapshot.item_matrix)
        return UserHistory.of(log, max_items=self.settings.history, half_life=self.settings.half_life)

    def _embed(self, text: str) -> NDArray[np.float32]:
        if self.embedder is None:
            raise DataError(
                "no item has a vector yet, so no text can be looked for; `tfapp recommend items FILE` first"
            )
        with translate_client_errors(self.embedder):
            return np.asarray(EmbeddingClient.of_identity(self.connect(), self.embedder).embed([text])[0], np.float32)

    def _suggestion(self, item: ListedItem, profile: UserProfile, request: str) -> Suggestion:
        reasons: tuple[Reason, ...] = reasons_for(
            self.snapshot, profile, item.row, request=request, limit=self.settings.reasons
        )
        return Suggestion(self.snapshot.item_matrix.items[item.row], item.score, item.ways, reasons)


def _check(count: int) -> None:
    if count < 1:
        raise SettingsError(f"a list has 1 item or more, not {count}")
