"""The console's session of a customer service."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from tfapp.apps.support.agent_inbox import AgentInbox
from tfapp.apps.support.assistant import Assistant
from tfapp.apps.support.corrections import Corrections
from tfapp.apps.support.service import Support
from tfapp.core.clock import Clock
from tfapp.core.remote_server import RemoteServer
from tfapp.errors import DataError
from tfapp.web.cached_resource import CachedResource
from tfapp.web.models_endpoint import ModelsEndpoint

__all__ = ["SupportSession"]


class SupportSession:
    """A customer service whose assistant stays in memory and is rebuilt when the knowledge changes."""

    def __init__(self, home: Path, endpoint: ModelsEndpoint, clock: Clock, server: RemoteServer | None = None) -> None:
        self.service = replace(Support.open(home), clock=clock, server=server)
        self._endpoint = endpoint
        self._assistant = CachedResource(self._make, self._state, time.monotonic)

    @property
    def inbox(self) -> AgentInbox:
        """Returns the inbox of conversations and hand-overs."""
        return AgentInbox(self.service.store)

    @property
    def corrections(self) -> Corrections:
        """Returns the corrections."""
        return Corrections(self.service.store, self.service.clock)

    @property
    def embedder(self) -> str | None:
        """Returns the embedder of most of the vectors, as NAME/VERSION."""
        return self.service.knowledge.vectors.embedder()

    def assistant(self) -> Assistant:
        """Returns the assistant.

        Raises:
            DataError: Nothing was built yet.
            ServerError: The models are still being loaded, or cannot be.
        """
        self._endpoint.served_models()
        return self._assistant.get()

    def learn(self) -> str:
        """Learns the corrections that wait, and returns a line on the outcome."""
        address = self._endpoint.served_models().address
        own_server = RemoteServer(address) if address else None
        result = replace(self.service, server=self.service.server or own_server).learn(quiet=True)
        self._assistant.look()
        return result.lesson.summary

    def close(self) -> None:
        """Closes the database."""
        self._assistant.close()
        self.service.store.close()

    def _make(self) -> AbstractContextManager[Assistant]:
        identity, home = self.embedder, self.service.home
        if identity is None:
            raise DataError(f"{home}: nothing is known yet; `tfapp support build FILE --home {home}` first")
        return nullcontext(self.service.assistant_on(self._endpoint.client(), identity))

    def _state(self) -> object:
        return self.embedder, self.service.knowledge.counts()
