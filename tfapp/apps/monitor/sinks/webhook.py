"""Alerts as JSON to a web address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfapp.apps.monitor.settings import WebhookSettings
from tfapp.apps.monitor.sinks.sink import Payload, SinkError

if TYPE_CHECKING:
    import httpx2

__all__ = ["WebhookSink"]


class WebhookSink:
    """Posts alerts; the header Idempotency-Key is the same each time that the same is sent.

    Args:
        settings: Where to.
        transport: Carries the requests; None: the network.
    """

    name = "webhook"

    def __init__(self, settings: WebhookSettings, transport: httpx2.BaseTransport | None = None) -> None:
        self._settings = settings
        self._transport = transport

    def send(self, payload: Payload, key: str) -> None:
        """See `Sink.send`."""
        import httpx2

        headers = {"Idempotency-Key": key}
        if self._settings.token is not None:
            headers["Authorization"] = f"Bearer {self._settings.token}"
        try:
            with httpx2.Client(transport=self._transport, timeout=self._settings.timeout) as client:
                answer = client.post(self._settings.url, json=dict(payload), headers=headers)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise SinkError(f"{self._settings.url}: {error or type(error).__name__}") from error
        if not answer.is_success:
            raise SinkError(f"{self._settings.url}: answered {answer.status_code}")
