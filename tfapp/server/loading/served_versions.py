"""The versions that are loaded, as requests find them: by number, by label, or the newest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import grpc

from tfapp.server.loading.model_source import ServedModel
from tfapp.server.loading.version_state import ModelVersionStatus, State, VersionState
from tfapp.server.request_errors import RequestError, invalid_argument

if TYPE_CHECKING:
    from tfapp.server.servables.servable import Servable

__all__ = ["ServedVersions", "check_labels"]


class ServedVersions:
    """The versions of all models with their states, which requests use."""

    def __init__(self) -> None:
        self._version_states: dict[str, dict[int, VersionState]] = {}
        self._models: dict[str, ServedModel] = {}
        # Where the labels point; one that moves waits here until its new version takes requests.
        self._labels: dict[str, dict[str, int]] = {}
        # Guards the three above and the states of the versions.
        self._changed = threading.Condition()

    @contextmanager
    def use(self, name: str, version: int | None = None, label: str | None = None) -> Iterator[Servable]:
        """Finds the version that a request asks for, and keeps it loaded during the block.

        Without a number it is the one that the label names, and without that the highest.

        Raises:
            RequestError: There is no name, model, version or label like that.
        """
        version_state, servable = self._acquire(name, version, label)
        try:
            yield servable
        finally:
            with self._changed:
                version_state.users -= 1
                if version_state.state is State.UNLOADING:
                    self._changed.notify_all()

    def states(self, name: str, version: int | None = None) -> list[ModelVersionStatus]:
        """Returns the states of a model's versions, highest first.

        Raises:
            RequestError: There is no model, or no version, like that.
        """
        with self._changed:
            version_states = self._version_states.get(name, {})
            if not version_states:
                raise RequestError(grpc.StatusCode.NOT_FOUND, f"Could not find any versions of model {name}")
            if version is not None and version not in version_states:
                raise RequestError(grpc.StatusCode.NOT_FOUND, f"Could not find version {version} of model {name}")
            numbers = sorted(version_states, reverse=True) if version is None else [version]
            return [version_states[number].describe(number) for number in numbers]

    def models(self) -> list[ServedModel]:
        """Returns the models to serve, as they were last looked for."""
        with self._changed:
            return list(self._models.values())

    def available(self) -> dict[str, list[int]]:
        """Returns the versions in service, by model."""
        with self._changed:
            available = {name: sorted(self._available(name)) for name in sorted(self._version_states)}
        return {name: versions for name, versions in available.items() if versions}

    def labels(self, name: str) -> dict[str, int]:
        """Returns where a model's labels point: one that moves, at the old version until the new one takes requests."""
        with self._changed:
            return dict(self._labels.get(name, {}))

    def failures(self) -> list[tuple[str, int, str]]:
        """Returns the versions that do not load: the model, the number, and why."""
        with self._changed:
            return [
                (name, version, state.error.message)
                for name, states in sorted(self._version_states.items())
                for version, state in sorted(states.items())
                if state.error is not None
            ]

    def _available(self, name: str) -> set[int]:
        with self._changed:
            return {version for version, state in self._version_states.get(name, {}).items() if state.is_available}

    def _acquire(self, name: str, version: int | None, label: str | None) -> tuple[VersionState, Servable]:
        if not name:
            raise invalid_argument("ModelSpec has no name specified.")
        with self._changed:
            if label:
                labels = self._labels.get(name, {}) if name in self._models else {}
                if label not in labels:
                    raise invalid_argument(f"Unrecognized servable version label: {label}")
                version = labels[label]
            request = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            versions = self._available(name)
            number = max(versions, default=-1) if version is None else version
            version_state = self._version_states[name][number] if number in versions else None
            if version_state is None or version_state.servable is None:
                raise RequestError(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {request}")
            version_state.users += 1
            return version_state, version_state.servable

    def _point_labels(self, model: ServedModel) -> None:
        """Moves a model's labels to where the configuration has them, except those whose requests would fail there."""
        with self._changed:
            labels, versions = self._labels.get(model.name, {}), self._available(model.name)
            self._labels[model.name] = {
                label: labels[label] if version not in versions and labels.get(label) in versions else version
                for label, version in model.labels.items()
            }

    def _awaited_versions(self, model: ServedModel) -> set[int]:
        """Returns the versions that labels still point at because those that they move to take no requests yet."""
        return {version for label, version in self.labels(model.name).items() if version != model.labels.get(label)}


def check_labels(
    models: Iterable[ServedModel],
    current: Mapping[str, ServedModel],
    available: Callable[[str], Collection[int]],
    *,
    allow_unavailable: bool,
) -> None:
    """Checks the labels of a new configuration.

    Args:
        models: The new configuration.
        current: The one that it replaces.
        available: Returns the versions of a model that take requests.
        allow_unavailable: Whether a label that is new may point at a version that is not loaded yet. One that moves
            never may: its requests would fail until the version is there.

    Raises:
        RequestError: A label points at a version that does not take requests.
    """
    for model in models:
        current_labels = current[model.name].labels if model.name in current else {}
        for label, version in model.labels.items():
            has_moved = current_labels.get(label, version) != version
            if version not in available(model.name) and (has_moved or not allow_unavailable):
                raise RequestError(
                    grpc.StatusCode.FAILED_PRECONDITION,
                    f"Request to assign label to version {version} of model {model.name}, "
                    "which is not currently available for inference",
                )
