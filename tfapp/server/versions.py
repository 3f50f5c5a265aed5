"""What is loaded, as requests see it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import grpc

from tfapp.server.slot import Slot
from tfapp.server.source import ServedModel
from tfapp.server.states import State, VersionState
from tfapp.server.status import RequestError, invalid_argument

if TYPE_CHECKING:
    from tfapp.server.servable import Servable

__all__ = ["ServedVersions"]


class ServedVersions:
    """The versions of all models, with their states; lends them to requests."""

    def __init__(self) -> None:
        self._slots: dict[str, dict[int, Slot]] = {}
        self._models: dict[str, ServedModel] = {}
        # Where the labels point; one that moves waits here until its new version takes requests.
        self._labels: dict[str, dict[str, int]] = {}
        # Guards the three above and the slots.
        self._changed = threading.Condition()

    @contextmanager
    def use(self, name: str, version: int | None = None, label: str | None = None) -> Iterator[Servable]:
        """Lends the version that a request asks for; it stays loaded during the block.

        Args:
            name: The model's name.
            version: One version; None: what `label` says, or the highest.
            label: A version label.

        Yields:
            The loaded version.

        Raises:
            RequestError: There is no name, model, version or label like that.
        """
        slot, servable = self._take(name, version, label)
        try:
            yield servable
        finally:
            with self._changed:
                slot.users -= 1
                if slot.state is State.UNLOADING:
                    self._changed.notify_all()

    def states(self, name: str, version: int | None = None) -> list[VersionState]:
        """Tells the states of a model's versions, highest first.

        Raises:
            RequestError: There is no model, or no version, like that.
        """
        with self._changed:
            slots = self._slots.get(name, {})
            if not slots:
                raise RequestError(grpc.StatusCode.NOT_FOUND, f"Could not find any versions of model {name}")
            if version is not None and version not in slots:
                raise RequestError(grpc.StatusCode.NOT_FOUND, f"Could not find version {version} of model {name}")
            wanted = sorted(slots, reverse=True) if version is None else [version]
            return [slots[number].describe(number) for number in wanted]

    def wait_for_state(self, name: str, version: int, state: State, timeout: float) -> bool:
        """Waits until a version is in a state.

        Args:
            name: The model's name.
            version: The version's number.
            state: The state to wait for.
            timeout: Longest time to wait, in seconds.

        Returns:
            Whether it came to be so in time.
        """

        def reached() -> bool:
            slot = self._slots.get(name, {}).get(version)
            return slot is not None and slot.state is state

        with self._changed:
            return self._changed.wait_for(reached, timeout)

    def models(self) -> list[ServedModel]:
        """Lists the models to serve, as they were last looked for."""
        with self._changed:
            return list(self._models.values())

    def available(self) -> dict[str, list[int]]:
        """Lists the versions in service, by model."""
        with self._changed:
            found = {name: sorted(self._available(name)) for name in sorted(self._slots)}
        return {name: versions for name, versions in found.items() if versions}

    def labels(self, name: str) -> dict[str, int]:
        """Tells where a model's labels point: one that moves, at the old version until the new one takes requests."""
        with self._changed:
            return dict(self._labels.get(name, {}))

    def failures(self) -> list[tuple[str, int, str]]:
        """Lists what does not load: the model, the version, and why."""
        with self._changed:
            return [
                (name, version, slot.error.message)
                for name, slots in sorted(self._slots.items())
                for version, slot in sorted(slots.items())
                if slot.error is not None
            ]

    def _available(self, name: str) -> set[int]:
        with self._changed:
            return {version for version, slot in self._slots.get(name, {}).items() if slot.available}

    def _is_available(self, name: str, version: int) -> bool:
        return version in self._available(name)

    def _take(self, name: str, version: int | None, label: str | None) -> tuple[Slot, Servable]:
        if not name:
            raise invalid_argument("ModelSpec has no name specified.")
        with self._changed:
            if label:
                version = self._labelled(name, label)
            asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            ready = {number: slot for number, slot in self._slots.get(name, {}).items() if slot.available}
            number = max(ready, default=None) if version is None else version
            slot = None if number is None else ready.get(number)
            if slot is None or slot.servable is None:
                raise RequestError(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {asked}")
            slot.users += 1
            return slot, slot.servable

    def _point_labels(self, model: ServedModel) -> None:
        """Moves a model's labels to where the configuration has them, but for those whose requests would fail there."""
        with self._changed:
            before, ready = self._labels.get(model.name, {}), self._available(model.name)
            self._labels[model.name] = {
                label: before[label] if version not in ready and before.get(label) in ready else version
                for label, version in model.labels.items()
            }

    def _waited_for(self, model: ServedModel) -> set[int]:
        """The versions that labels still point at because those that they move to take no requests yet."""
        return {at for label, at in self.labels(model.name).items() if at != model.labels.get(label)}

    def _labelled(self, name: str, label: str) -> int:
        labels = self._labels.get(name, {}) if name in self._models else {}
        if label not in labels:
            raise invalid_argument(f"Unrecognized servable version label: {label}")
        return labels[label]
