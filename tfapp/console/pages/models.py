"""The pages of models: their versions, their cards, and their states on the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from tfapp_client import VersionStatus

from tfapp.console.console_state import ConsoleState
from tfapp.errors import RegistryError
from tfapp.registry import VersionMetadata
from tfapp.web.app_state import StatePages
from tfapp.web.models_endpoint import NO_ANSWER, ModelsEndpoint
from tfapp.workflows import version_catalogue
from tfapp.workflows.version_catalogue import CatalogueEntry

__all__ = ["ModelPages"]

_CHANGES: Final = 20


@dataclass(frozen=True)
class _ModelWithStates:
    """A model with the states of its versions, or in `trouble` why they are not known."""

    endpoint: ModelsEndpoint
    entry: CatalogueEntry
    states: Mapping[int, VersionStatus]
    trouble: str

    @property
    def newest(self) -> VersionMetadata:
        return self.entry.versions[-1]

    @property
    def released(self) -> VersionMetadata:
        return self.entry.released


class ModelPages(StatePages[ConsoleState]):
    """The models' pages."""

    def routes(self) -> list[BaseRoute]:
        """Returns the routes of the pages."""
        return [Route("/models", self._list), Route("/models/{endpoint}/{name}", self._details)]

    def _list(self, request: Request) -> Response:
        entries = _with_states(self._state.models())
        folder = self._state.endpoints["models"].folder
        return self._views.page(request, "models.html", models=entries, folder=folder, server=self._state.server)

    def _details(self, request: Request) -> Response:
        endpoint, catalogue_entry = self._state.model(request.path_params["endpoint"], request.path_params["name"])
        (entry,) = _with_states([(endpoint, catalogue_entry)])
        version = _version(catalogue_entry, request.query_params.get("version"))
        changes = version_catalogue.history(catalogue_entry.name, models=endpoint.folder)[::-1][:_CHANGES]
        try:
            card = (version.path / "README.md").read_text(encoding="utf-8", errors="replace")
        except OSError:
            card = ""
        return self._views.page(request, "model.html", model=entry, version=version, card=card, history=changes)


def _with_states(models: Sequence[tuple[ModelsEndpoint, CatalogueEntry]]) -> list[_ModelWithStates]:
    """Asks for the versions' states; a server that does not answer is asked about no further model."""
    unreachable: set[str] = set()
    entries: list[_ModelWithStates] = []
    for endpoint, entry in models:
        states, problem = ([], NO_ANSWER) if endpoint.name in unreachable else endpoint.status(entry.name)
        if problem == NO_ANSWER:
            unreachable.add(endpoint.name)
        entries.append(_ModelWithStates(endpoint, entry, {state.version: state for state in states}, problem))
    return entries


def _version(entry: CatalogueEntry, number: str | None) -> VersionMetadata:
    if number is None:
        return entry.released
    for version in entry.versions:
        if str(version.version) == number:
            return version
    raise RegistryError(f"{entry.name}: no version {number[:20]}; the model's page lists the versions")
