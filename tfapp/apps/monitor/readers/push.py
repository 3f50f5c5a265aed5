"""Receives texts over HTTP: `POST /messages`."""

from __future__ import annotations

import asyncio
import hmac
import io
import json
import logging
import queue
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from itertools import islice
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tfapp.apps.monitor.batches import Batch, IngestCounts, SourceRow
from tfapp.apps.monitor.readers.lines import line_row
from tfapp.apps.shared.record_reader import Record, RejectedRow
from tfapp.core.ports import open_port
from tfapp.core.web_server import WebLoop, web_config
from tfapp.errors import SettingsError
from tfapp.web.own_hosts import OwnHosts, comes_from

__all__ = ["PushReader"]

_log = logging.getLogger(__name__)

_LARGEST: Final = 8_000_000
# Larger bodies are parsed one at a time, as one keeps all threads waiting and takes many times its bytes.
_LARGE: Final = 100_000
# Lists and objects that a request may have, of its most texts in the mean: each takes some hundred bytes.
_LISTS_A_TEXT: Final = 64
# All requests together, of which those that cannot be taken are told to come again.
_MOST_HELD: Final = 64_000_000
_WAITING: Final = 64
_BACKLOG: Final = 2048
# What callers get to take their last answer.
_ENDING_SECONDS: Final = 3
_HERE: Final = ("127.0.0.1", "localhost", "::1")
_HOST: Final = re.compile(r"[\w.-]+|[0-9a-fA-F:.]+")


class PushReader:
    """A web server that takes a JSON object, a list of them, or lines of them (application/x-ndjson).

    It answers when the texts are stored; a caller that gets another answer, or none, sends them again. Where more is
    sent than can be classified, it answers 503 with Retry-After.

    Args:
        host: Where it listens. Beyond this machine, a token must be set.
        port: 0 takes a free one.
        token: Callers must send `Authorization: Bearer TOKEN`; None: nothing is asked, and only this machine's names
            and addresses are answered to, as a page of any site could otherwise send texts.
        allow_hosts: Other hosts that are answered to without a token, and whose pages may send texts.
        most_items: Texts that a request may hold.
        size: Rows of a batch, at most; a request's rows may be several batches.

    Attributes:
        address: HOST:PORT.

    Raises:
        SettingsError: It would be open to others without a token, or an allowed host is none.
        ServerError: The port is in use.
    """

    def __init__(
        self,
        host: str,
        port: int,
        token: str | None = None,
        *,
        allow_hosts: Sequence[str] = (),
        most_items: int = 1000,
        size: int = 64,
    ) -> None:
        if host not in _HERE and token is None:
            option = f"--listen {host}:{port}"
            raise SettingsError(f"{option}: others can reach it; set listen_token, or listen on 127.0.0.1")
        if host not in _HERE:
            _log.warning(
                "--listen %s:%d: other machines can send texts; they and the token travel in plain text", host, port
            )
        if allow_hosts and token is None:
            listing = ", ".join(allow_hosts)
            _log.warning(
                "--allow-host %s: pages of these hosts can send texts, and nobody is asked for a token", listing
            )
        for name in allow_hosts:
            if not _HOST.fullmatch(name):
                problem = "expected the name or the address of a host alone, as shop.example"
                raise SettingsError(f"--allow-host {name}: {problem}")
        self._token = token
        self._hosts = OwnHosts(allow_hosts)
        self._most_items = most_items
        self._size = size
        self._queue: queue.Queue[Batch] = queue.Queue(_WAITING)
        # Bytes of all requests that are being read or wait to be stored.
        self._held = 0
        self._large_body_lock = asyncio.Lock()
        self._socket = open_port(host, port, backlog=_BACKLOG, advice="; take another port")
        self.address = f"{host}:{self._socket.getsockname()[1]}"
        self._stopping = False

    def batches(self, stop: threading.Event) -> Iterator[Batch]:
        """Serves as long as it is read, and yields the posted rows in batches, as `Reader.batches` says."""
        options = {"lifespan": "off", "timeout_graceful_shutdown": _ENDING_SECONDS}
        server = uvicorn.Server(web_config(self._app(), self._socket.gate, **options))
        thread = threading.Thread(target=self._serve, args=(server,), name="push", daemon=True)
        thread.start()
        try:
            while not stop.is_set():
                try:
                    batch = self._queue.get(timeout=0.2)
                except queue.Empty:
                    continue
                yield from _parts(batch, self._size)
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
        authorization = request.headers.get("authorization", "")
        if self._token is not None and not hmac.compare_digest(
            authorization.encode(), f"Bearer {self._token}".encode()
        ):
            return _problem(401, "needs Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"})
        body = bytearray()
        try:
            async for part in request.stream():
                body += part
                self._held += len(part)
                if len(body) > _LARGEST:
                    problem = f"more than {_LARGEST} bytes in a request; send fewer texts at once"
                    return _problem(413, problem, {"Connection": "close"})
                if self._held > _MOST_HELD:
                    return _busy(f"all requests have more than {_MOST_HELD} bytes", {"Connection": "close"})
            return await self._store_body(bytes(body), request.headers.get("content-type", ""))
        finally:
            self._held -= len(body)

    async def _store_body(self, body: bytes, kind: str) -> JSONResponse:
        # Before it is parsed; brackets in texts count, too.
        lists, most_lists = body.count(b"[") + body.count(b"{"), _LISTS_A_TEXT * self._most_items
        if lists > most_lists:
            bound = f"at most {most_lists} are taken, {_LISTS_A_TEXT} for each of {self._most_items} texts"
            problem = f"{lists} lists and objects in a request; {bound}; send fewer at once, or set listen_items"
            return _problem(413, problem)
        try:
            async with self._large_body_lock if len(body) > _LARGE else nullcontext():
                # In a thread, as a large body takes a second; no more rows than tell that there are too many.
                rows = await asyncio.to_thread(lambda: list(islice(_rows(body, kind), self._most_items + 1)))
        except (ValueError, RecursionError) as error:
            return _problem(400, f"not valid JSON: {str(error)[:500]}")
        if len(rows) > self._most_items:
            problem = f"more than {self._most_items} texts in a request; send fewer at once, or set listen_items"
            return _problem(413, problem)
        return await self._store(rows)

    async def _store(self, rows: list[SourceRow]) -> JSONResponse:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[IngestCounts] = loop.create_future()

        def tell(outcome: IngestCounts) -> None:
            loop.call_soon_threadsafe(_settle, future, outcome)

        try:
            self._queue.put_nowait(Batch("http", rows, stored=tell))
        except queue.Full:
            return _busy(f"{_WAITING} requests wait")
        while not future.done():
            if self._stopping:
                return _problem(503, "the monitor stops", {"Retry-After": "5"})
            await asyncio.wait([future], timeout=0.2)
        return JSONResponse(asdict(future.result()))


class _HostGuard:
    """ASGI middleware that refuses requests for other hosts, and those that a browser sends for other hosts' pages."""

    def __init__(self, app: ASGIApp, hosts: OwnHosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses a request or passes it on, as ASGI asks of an application."""
        await (self._refusal(Headers(scope=scope)) or self._app)(scope, receive, send)

    def _refusal(self, headers: Headers) -> JSONResponse | None:
        host, way_out = headers.get("host", ""), "start it with --allow-host for that host, or with a listen_token"
        if not self._hosts.allows(host):
            return _problem(400, f"the monitor does not answer to {host[:200]!r}; {way_out}")
        if not comes_from(headers, self._hosts.allows):
            page = headers.get("origin", "another site")
            return _problem(403, f"a page of {page[:200]} may not send texts; {way_out}")
        return None


def _settle(future: asyncio.Future[IngestCounts], outcome: IngestCounts) -> None:
    if not future.done():
        future.set_result(outcome)


def _parts(batch: Batch, size: int) -> Iterator[Batch]:
    """Splits a request's rows into batches; when the last one is stored, the caller gets the counts of all."""
    parts = [batch.rows[start : start + size] for start in range(0, len(batch.rows), size)] or [()]
    outcomes: list[IngestCounts] = []

    def tell(outcome: IngestCounts) -> None:
        outcomes.append(outcome)
        if len(outcomes) == len(parts):
            batch.stored(sum(outcomes, IngestCounts()))

    for part in parts:
        yield Batch(batch.source, part, stored=tell)


def _rows(body: bytes, kind: str) -> Iterator[SourceRow]:
    """Reads json lines, a list of values, or one value."""
    if "ndjson" in kind or "jsonl" in kind:
        lines = (
            line_row(f"line {number}", line) for number, line in enumerate(io.BytesIO(body), start=1) if line.strip()
        )
        yield from (row for row in lines if row)
        return
    values = json.loads(body)
    items = values if isinstance(values, list) else [values]
    yield from (SourceRow(f"item {number}", _row(number, item)) for number, item in enumerate(items, start=1))


def _row(number: int, item: Any) -> Record | RejectedRow:
    if isinstance(item, dict):
        return Record(number, item)
    try:
        content = str(item)[:2000]
    except RecursionError as error:
        content = f"({error})"
    return RejectedRow(number, f"expected a JSON object, got {type(item).__name__}", content)


def _busy(bound: str, headers: dict[str, str] | None = None) -> JSONResponse:
    reason = f"more texts are sent than can be classified: {bound}; send these again later"
    return _problem(503, reason, {"Retry-After": "1", **(headers or {})})


def _problem(status: int, reason: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": reason}, status, headers=headers)
