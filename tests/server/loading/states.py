"""Waits for the states of versions."""

from __future__ import annotations

from tfapp.server.loading.model_manager import ModelManager
from tfapp.server.loading.version_state import State


def wait_for_state(manager: ModelManager, name: str, version: int, state: State, timeout: float) -> bool:
    """Waits until a version is in a state, at most so many seconds; returns whether it came to be so in time."""

    def is_reached() -> bool:
        version_state = manager._version_states.get(name, {}).get(version)
        return version_state is not None and version_state.state is state

    with manager._changed:
        return manager._changed.wait_for(is_reached, timeout)
