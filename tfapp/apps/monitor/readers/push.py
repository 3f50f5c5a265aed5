"""Takes texts over HTTP: `POST /messages`."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import queue
import threading
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tfapp.apps.monitor.intake import Batch, Outcome, Place
from tfapp.apps.monitor.readers.lines import line_row
from tfapp.apps.records import Record, SetAside
from tfapp.connections import ConnectionGate
from tfapp.errors import SettingsError
from tfapp.ports import open_port
from tfapp.web_server import WebLoop, web_config

__all__ = ["PushReader"]

_log = logging.getLogger(__name__)

_LARGEST: Final = 8_000_000
_WAITING: Final = 64
_BACKLOG: Final = 2048
# What callers get to take their last answer.
_ENDING_SECONDS: Final = 3
_HERE: Final = ("127.0.0.1", "localhost", "::1")


class PushReader:
    """A web server that takes a JSON object, a list of them, or lines of them (application/x-ndjson).

    It answers when the texts are stored; a caller that gets another answer, or none, sends them again. Where more is
    sent than is judged, it answers 503 with Retry-After.

    Args:
        host: Where it listens. Beyond this machine, a token must be set.
        port: 0 takes a free one.
        token: Callers must send `Authorization: Bearer TOKEN`; None: nothing is asked.

    Attributes:
        address: HOST:PORT.

    Raises:
        SettingsError: It would be open to others without a token.
        ServerError: The port is in use.
    """

    def __init__(self, host: str, port: int, token: str | None = None) -> None:
        if host not in _HERE and token is None:
            where = f"--listen {host}:{port}"
            raise SettingsError(f"{where}: others can reach it; set listen_token, or listen on 127.0.0.1")
        if host not in _HERE:
            _log.warning(
                "--listen %s:%d: other machines can send texts; they and the token travel in plain text", host, port
            )
        self._token = token
        self._queue: queue.Queue[Batch] = queue.Queue(_WAITING)
        self._socket = open_port(host, port, backlog=_BACKLOG, advice="; take another port")
        self.address = f"{host}:{self._socket.getsockname()[1]}"
        self._stopping = False

    def batches(self, stop: threading.Event) -> Iterator[Batch]:
        """See `Reader.batches`; serves as long as it is read."""
        server = uvicorn.Server(_config(self._app(), self._socket.gate))
        thread = threading.Thread(target=self._serve, args=(server,), name="push", daemon=True)
        thread.start()
        try:
            while not stop.is_set():
                try:
                    yield self._queue.get(timeout=0.2)
                except queue.Empty:
                    continue
        finally:
            self._stopping = True
            server.should_exit = True
            thread.join(_ENDING_SECONDS + 1)

    def _serve(self, server: uvicorn.Server) -> None:
        with asyncio.Runner(loop_factory=WebLoop) as runner:
            runner.run(server.serve([self._socket]))

    def _app(self) -> Starlette:
        routes = [Route("/messages", self._take, methods=["POST"]), Route("/health", self._health, methods=["GET"])]
        return Starlette(routes=routes)

    async def _health(self, _: Request) -> JSONResponse:
        return JSONResponse({"status": "stopping" if self._stopping else "ok"}, 503 if self._stopping else 200)

    async def _take(self, request: Request) -> JSONResponse:
        given = request.headers.get("authorization", "")
        if self._token is not None and not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            return _problem(401, "needs Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"})
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _LARGEST:
                return _problem(413, f"more than {_LARGEST} bytes; send fewer texts at once", {"Connection": "close"})
        try:
            rows = _rows(body, request.headers.get("content-type", ""))
        except (ValueError, RecursionError) as error:
            return _problem(400, f"not valid JSON: {error}")
        return await self._store(rows)

    async def _store(self, rows: list[Place]) -> JSONResponse:
        loop = asyncio.get_running_loop()
        stored: asyncio.Future[Outcome] = loop.create_future()

        def tell(outcome: Outcome) -> None:
            loop.call_soon_threadsafe(_settle, stored, outcome)

        try:
            self._queue.put_nowait(Batch("http", rows, stored=tell))
        except queue.Full:
            return _problem(503, "more is sent than is judged", {"Retry-After": "1"})
        while not stored.done():
            if self._stopping:
                return _problem(503, "the monitor stops", {"Retry-After": "5"})
            await asyncio.wait([stored], timeout=0.2)
        return JSONResponse(asdict(stored.result()))


def _settle(stored: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not stored.done():
        stored.set_result(outcome)


def _rows(body: bytes, kind: str) -> list[Place]:
    if "ndjson" in kind or "jsonl" in kind:
        found = (line_row(f"line {number}", line) for number, line in enumerate(body.split(b"\n"), start=1))
        return [row for row in found if row]
    values = json.loads(body)
    items = values if isinstance(values, list) else [values]
    return [Place(f"item {number}", _row(number, item)) for number, item in enumerate(items, start=1)]


def _row(number: int, item: Any) -> Record | SetAside:
    if isinstance(item, dict):
        return Record(number, item)
    return SetAside(number, f"expected a JSON object, got {type(item).__name__}", str(item)[:2000])


def _problem(status: int, what: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": what}, status, headers=headers)


def _config(app: Starlette, gate: ConnectionGate) -> uvicorn.Config:
    return web_config(app, gate, lifespan="off", timeout_graceful_shutdown=_ENDING_SECONDS)
