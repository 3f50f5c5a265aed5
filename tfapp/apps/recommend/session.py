"""The console's session of a recommender."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Final

from tfapp.apps.recommend.catalogue import Catalogue
from tfapp.apps.recommend.recommender import Recommender
from tfapp.apps.recommend.service import Recommend
from tfapp.core.clock import Clock
from tfapp.web.cached_resource import CachedResource
from tfapp.web.models_endpoint import ModelsEndpoint

__all__ = ["RecommendSession"]

# What is new and what is popular is looked at anew after so many seconds.
_OLD: Final = 600


class RecommendSession:
    """A recommender that stays in memory and is rebuilt when items, events or the ranking change."""

    def __init__(self, home: Path, endpoint: ModelsEndpoint, clock: Clock) -> None:
        self.service = replace(Recommend.open(home), clock=clock)
        self._endpoint = endpoint
        self._recommender = CachedResource(self._make, self._state, time.monotonic)

    @property
    def catalogue(self) -> Catalogue:
        """Returns the catalogue of items, events and users."""
        return self.service.catalogue

    def recommender(self) -> Recommender:
        """Returns the recommender.

        Raises:
            DataError: No item is known yet.
        """
        return self._recommender.get()

    def close(self) -> None:
        """Closes the database."""
        self._recommender.close()
        self.service.store.close()

    def _make(self) -> AbstractContextManager[Recommender]:
        return self.service.recommender(self._endpoint.client)

    def _state(self) -> object:
        training = self.catalogue.newest_training()
        return self.catalogue.counts(), training.at if training else None, int(time.monotonic() / _OLD)
