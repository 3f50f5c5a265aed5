"""A sink that posts alerts as JSON to a web address."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from tfapp.apps.monitor.settings import WebhookSettings
from tfapp.apps.monitor.sinks.redaction import delivery, shown_address, url_secrets
from tfapp.apps.monitor.sinks.sink import Payload, SinkError

if TYPE_CHECKING:
    import httpx2

__all__ = ["WebhookSink"]

# Bytes of an answer that are read, for receivers that mind a connection closed in their face; none is kept.
_LONGEST_ANSWER: Final = 1 << 16


class WebhookSink:
    """Posts alerts; the header Idempotency-Key is the same each time that the same is sent.

    A try ends at its deadline, however slowly the receiver answers, and its status is all that counts of an answer.
    """

    name = "webhook"

    def __init__(self, settings: WebhookSettings, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self._transport = transport
        self._where = shown_address(settings.url)
        self._secrets = (settings.token, *url_secrets(settings.url))

    def send(self, payload: Payload, key: str) -> None:
        """Posts an alert to the address, as `Sink.send` says."""
        # In a thread of its own, as the caller's may run an event loop, such as a notebook's.
        with delivery(self._where, self._secrets), ThreadPoolExecutor(1) as pool:
            status = pool.submit(_run, self._post(payload, key)).result()
            if not 200 <= status < 300:
                raise SinkError(f"answered {status}")

    async def _post(self, payload: Payload, key: str) -> int:
        """Posts a notification, and returns the status of the answer."""
        import httpx2

        headers = {"Idempotency-Key": key}
        if self._settings.token is not None:
            headers["Authorization"] = f"Bearer {self._settings.token}"
        seconds = self._settings.timeout
        deadline = asyncio.get_running_loop().time() + seconds
        async with httpx2.AsyncClient(transport=self._transport, timeout=None) as client:
            request = client.build_request("POST", self._settings.url, json=dict(payload), headers=headers)
            try:
                async with asyncio.timeout_at(deadline):
                    answer = await client.send(request, stream=True)
            except TimeoutError:
                raise SinkError(f"no answer within {seconds:g} s") from None
            # It has been taken: what goes wrong from here on is no failure.
            with suppress(Exception):
                async with asyncio.timeout_at(deadline):
                    await _skim(answer)
                    await answer.aclose()
            return answer.status_code


async def _skim(answer: httpx2.Response) -> None:
    """Reads the beginning of an answer as it comes, not unpacked, and drops it."""
    length = 0
    async for part in answer.aiter_raw():
        length += len(part)
        if length >= _LONGEST_ANSWER:
            return


def _run(work: Coroutine[Any, Any, int]) -> int:
    """Runs in an event loop that, unlike `asyncio.run`'s, waits for no name look-up that goes on at its end."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
