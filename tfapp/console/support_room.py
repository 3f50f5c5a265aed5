"""The customer service as the console keeps it open."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Final

from tfapp.apps.clock import Clock
from tfapp.apps.store import Store
from tfapp.apps.support.answering import Assistant
from tfapp.apps.support.desk import Desk
from tfapp.apps.support.learning import Corrections
from tfapp.apps.support.settings import SupportSettings
from tfapp.console.places import Place
from tfapp.errors import DataError
from tfapp.services.support import Support

__all__ = ["SupportRoom"]

# Seconds between two looks for knowledge that came from elsewhere.
_LOOK_SECONDS: Final = 5.0


class SupportRoom:
    """A customer service whose assistant stays in memory, and is made anew when more is known.

    Args:
        home: Its folder.
        place: Its models.
        clock: Tells the time.
    """

    def __init__(self, home: Path, place: Place, clock: Clock) -> None:
        opened = Support.open(home)
        self.service = Support(home, opened.settings, opened.store, clock=clock)
        self._place = place
        self._lock = threading.Lock()
        self._assistant: Assistant | None = None
        self._known: object = None
        self._looked_at = 0.0

    @property
    def settings(self) -> SupportSettings:
        """Its settings."""
        return self.service.settings

    @property
    def store(self) -> Store:
        """Its database."""
        return self.service.store

    @property
    def desk(self) -> Desk:
        """Conversations and hand-overs."""
        return Desk(self.store)

    @property
    def corrections(self) -> Corrections:
        """What people say of answers."""
        return Corrections(self.store, self.service.clock)

    def assistant(self) -> Assistant:
        """The assistant.

        Raises:
            DataError: Nothing was built yet.
            ServerError: The models are still being loaded, or cannot be.
        """
        client = self._place.client()
        with self._lock:
            now = time.monotonic()
            if self._assistant is None or now - self._looked_at > _LOOK_SECONDS:
                identity = self.service.knowledge.embedder()
                known = (identity, self.service.knowledge.counts())
                if identity is None:
                    home = self.service.home
                    raise DataError(f"{home}: nothing is known yet; `tfapp support build FILE --home {home}` first")
                if self._assistant is None or known != self._known:
                    self._assistant = self.service.connected(client, identity)
                self._known, self._looked_at = known, now
            return self._assistant

    def learn(self) -> str:
        """Makes knowledge of the corrections that wait; says what came of it."""
        learnt = self.service.learn(quiet=True)
        with self._lock:
            self._assistant = None
        lesson = learnt.lesson
        return f"{lesson.corrections} corrections: {lesson.added} new pairs, {lesson.refused} refused"
