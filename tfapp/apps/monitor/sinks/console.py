"""A sink that shows alerts on the terminal."""

from __future__ import annotations

from collections.abc import Callable

from tfapp.apps.monitor.sinks.redaction import delivery
from tfapp.apps.monitor.sinks.sink import Payload

__all__ = ["ConsoleSink"]


class ConsoleSink:
    """Hands alerts to a function that shows them."""

    name = "console"

    def __init__(self, show: Callable[[Payload], None]) -> None:
        self._show = show

    def send(self, payload: Payload, key: str) -> None:  # noqa: ARG002 - nobody compares keys on a screen
        """Hands an alert to the function, as `Sink.send` says."""
        with delivery("the screen"):
            self._show(payload)
