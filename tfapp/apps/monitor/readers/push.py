"""Takes texts over HTTP: `POST /messages`."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import queue
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tfapp.apps.monitor.intake import Batch, Outcome, Place
from tfapp.apps.monitor.readers.lines import line_row
from tfapp.apps.records import Record, SetAside
from tfapp.connections import ConnectionGate
from tfapp.errors import SettingsError
from tfapp.own_hosts import OwnHosts, comes_from
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
_HOST: Final = re.compile(r"[\w.-]+|[0-9a-fA-F:.]+")


class PushReader:
    """A web server that takes a JSON object, a list of them, or lines of them (application/x-ndjson).

    It answers when the texts are stored; a caller that gets another answer, or none, sends them again. Where more is
    sent than is judged, it answers 503 with Retry-After.

    Args:
        host: Where it listens. Beyond this machine, a token must be set.
        port: 0 takes a free one.
        token: Callers must send `Authorization: Bearer TOKEN`; None: nothing is asked, and only this machine's names
            and addresses are answered to, as a page of any site could otherwise send texts.
        allow_hosts: Other hosts that are answered to without a token, and whose pages may send texts.

    Attributes:
        address: HOST:PORT.

    Raises:
        SettingsError: It would be open to others without a token, or an allowed host is none.
        ServerError: The port is in use.
    """

    def __init__(self, host: str, port: int, token: str | None = None, *, allow_hosts: Sequence[str] = ()) -> None:
        if host not in _HERE and token is None:
            where = f"--listen {host}:{port}"
            raise SettingsError(f"{where}: others can reach it; set listen_token, or listen on 127.0.0.1")
        if host not in _HERE:
            _log.warning(
                "--listen %s:%d: other machines can send texts; they and the token travel in plain text", host, port
            )
        if allow_hosts and token is None:
            shown = ", ".join(allow_hosts)
            _log.warning("--allow-host %s: pages of these hosts can send texts, and nobody is asked for a token", shown)
        for name in allow_hosts:
            _check_host(name)
        self._token = token
        self._hosts = OwnHosts(allow_hosts)
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
        guards = [] if self._token is not None else [Middleware(_HostGuard, hosts=self._hosts)]
        return Starlette(routes=routes, middleware=guards)

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


class _HostGuard:
    """ASGI middleware that refuses requests for other hosts, and those that a browser sends for other hosts' pages."""

    def __init__(self, app: ASGIApp, hosts: OwnHosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        await (self._refusal(Headers(scope=scope)) or self._app)(scope, receive, send)

    def _refusal(self, headers: Headers) -> JSONResponse | None:
        host, way_out = headers.get("host", ""), "start it with --allow-host for that host, or with a listen_token"
        if not self._hosts.allows(host):
            return _problem(400, f"the monitor does not answer to {host[:200]!r}; {way_out}")
        if not comes_from(headers, self._hosts.allows):
            page = headers.get("origin", "another site")
            return _problem(403, f"a page of {page[:200]} may not send texts; {way_out}")
        return None


def _check_host(name: str) -> None:
    if not _HOST.fullmatch(name):
        raise SettingsError(f"--allow-host {name}: expected the name or the address of a host alone, as shop.example")


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
