"""The protocol of sinks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["Payload", "Sink", "SinkError"]

Payload = Mapping[str, Any]
"""A notification: `event` (opened or ended), `alert` as `Alert.to_dict` has it, and the `texts` that show it."""


class SinkError(Exception):
    """Raised when a sink cannot be reached or refuses; it is tried again later."""


class Sink(Protocol):
    """A receiver of alerts, which gets each at least once; after a crash perhaps twice, with the same key."""

    name: str

    def send(self, payload: Payload, key: str) -> None:
        """Delivers a notification.

        Args:
            payload: What.
            key: The same each time that it is told the same.

        Raises:
            SinkError: It did not take it.
        """
