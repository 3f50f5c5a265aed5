"""The HTTP server behind every web port: uvicorn, with limits on slow and silent callers."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import re
from typing import Any, Final

import uvicorn
from starlette.requests import ClientDisconnect
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tfapp.core.connections import ConnectionGate, refusal

__all__ = ["WebLoop", "web_config"]

_log = logging.getLogger(__name__)
# What Java's HttpClient offers by default. A server may ignore it; the parser would take the body for another protocol.
_UPGRADE_TO_HTTP2: Final = re.compile(rb"\r\nupgrade:[ \t]*h2c[ \t]*(?=\r\n)", re.IGNORECASE)


class _RepetitionFilter(logging.Filter):
    """Lets each warning pass once a second, so that callers cannot fill the log with the same one."""

    def __init__(self) -> None:
        super().__init__()
        self._last_times: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Returns whether a record is logged."""
        if record.levelno != logging.WARNING:
            return True
        # A time from the future is one from before the clock was set back.
        if 0 <= record.created - self._last_times.get(str(record.msg), -1.0) < 1:
            return False
        self._last_times[str(record.msg)] = record.created
        return True


# One for all ports: adding it to uvicorn's logger again does nothing.
_REPETITIONS: Final = _RepetitionFilter()


def web_config(app: Any, gate: ConnectionGate, **arguments: Any) -> uvicorn.Config:
    """Makes the configuration of a web server: no log of its own, no WebSockets, no trust in a proxy's headers.

    The same warning of uvicorn's, as of a request that is no HTTP, is logged once a second at most.

    Args:
        app: An ASGI application.
        gate: Counts its connections, and has its limits; the gate of the socket that it listens on.
        arguments: More arguments of `uvicorn.Config`.
    """
    logging.getLogger("uvicorn.error").addFilter(_REPETITIONS)
    return uvicorn.Config(
        _without_leavers(app),
        http=functools.partial(_LimitedHttp, gate=gate),  # type: ignore[arg-type]
        loop="tfapp.core.web_server:WebLoop",
        timeout_keep_alive=gate.limits.keep_alive_seconds,  # type: ignore[arg-type]
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        **arguments,
    )


def _without_leavers(app: Any) -> Any:
    """Wraps an application so that callers who leave within a request's body are not logged as errors."""

    async def call(scope: Any, receive: Any, send: Any) -> None:
        with contextlib.suppress(ClientDisconnect):
            await app(scope, receive, send)

    return call


def _without_upgrade(data: bytes) -> bytes:
    """Leaves the offer to go on with HTTP/2 out of a request's header."""
    header_end = data.find(b"\r\n\r\n") + 2
    return _UPGRADE_TO_HTTP2.sub(b"", data[:header_end]) + data[header_end:] if header_end > 1 else data


class WebLoop(asyncio.SelectorEventLoop):
    """An event loop that logs in one line that no connection can be accepted.

    Attributes:
        handshake_seconds: How long a TLS handshake may take.
    """

    handshake_seconds = 30.0

    async def create_server(self, *args: Any, **settings: Any) -> Any:
        """Creates a server whose TLS handshakes have a time limit; see `asyncio.AbstractEventLoop.create_server`."""
        if settings.get("ssl"):
            settings.setdefault("ssl_handshake_timeout", self.handshake_seconds)
        return await super().create_server(*args, **settings)

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """Logs one line where a connection cannot be accepted, and leaves all else to asyncio."""
        if "socket.accept()" in context.get("message", ""):
            _log.error("cannot accept connections, they wait: %s", context.get("exception"))
        else:
            super().default_exception_handler(context)


class _LimitedHttp(HttpToolsProtocol):
    """Reads requests and writes answers on one connection; ends it where the caller holds it up."""

    def __init__(self, *args: Any, gate: ConnectionGate, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._gate = gate
        self._limits = gate.limits
        self._peer: Any = None
        # A TLS handshake comes between this and `connection_made`.
        self._connection_time = self.loop.time()
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        # Bytes since the parser last came to an end of something.
        self._unparsed_bytes = 0
        self._in_header = False
        self._in_body = False
        self._body_begun = 0.0
        self._body_bytes = 0
        self._unsent = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._peer = transport.get_extra_info("peername")
        self._set_deadline(self._connection_time + self._limits.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._deadline = None
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deadline is None and not self._is_responding():
            self._set_deadline(self.loop.time() + self._limits.header_seconds)
        if not self._in_body:
            data = _without_upgrade(data)
        step = self._limits.header_bytes
        for start in range(0, len(data), step):
            if self.transport.is_closing():
                return
            piece = data[start : start + step]
            self._unparsed_bytes += len(piece)
            super().data_received(piece)
            if self._unparsed_bytes >= step:
                flag = self._limits.flag_of("header_bytes")
                self._end("431 Request Header Fields Too Large", f"the header has {step} bytes or more{flag}")
        if self._in_body and not self.cycle.response_complete:
            self._extend_body()
            self._wait_for_body()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_header = True
        # So an application can give up an answer that its caller does not take.
        self.scope["state"]["abort"] = self.transport.abort

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._unparsed_bytes = 0
        self._in_header, self._in_body = False, True
        self._body_begun, self._body_bytes = self.loop.time(), 0
        self._wait_for_body()
        self._set_deadline(self._body_begun + self._limits.body_seconds)

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._unparsed_bytes = 0
        self._body_bytes += len(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._unparsed_bytes = 0
        self._in_body = False
        self._deadline = None
        if self.cycle.response_complete:
            self._wait_for_request()
        else:
            self._gate.begin(self._peer)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._linger()
        elif self._in_body and self.cycle.response_complete:
            # The rest is of no use to anybody, but the next request comes behind it.
            self._set_deadline(self.loop.time() + self._limits.header_seconds)
        elif not self._is_responding():
            self._wait_for_request()
        elif self._in_body:
            self._wait_for_body()
        if self.flow.write_paused:
            self._linger()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._linger()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self._in_body and not self.transport.is_closing():
            self._deadline = None

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._linger()

    def _is_responding(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait_for_request(self) -> None:
        self._gate.wait(self._peer)
        seconds = self._limits.header_seconds if self._in_header else self._limits.keep_alive_seconds
        self._deadline = None
        if self._in_header or self.timeout_keep_alive_task is None:
            self._set_deadline(self.loop.time() + seconds)

    def _wait_for_body(self) -> None:
        # Requests that came before this one are at work.
        if not self.pipeline:
            self._gate.wait(self._peer)

    def _extend_body(self) -> None:
        limits = self._limits
        end = self._body_begun + self._body_bytes / limits.body_rate
        self._set_deadline(min(self.loop.time(), end) + limits.body_seconds)

    def _linger(self) -> None:
        """Starts the time limit within which the caller must receive some of the answer."""
        self._unsent = self.transport.get_write_buffer_size()
        self._set_deadline(self.loop.time() + self._limits.body_seconds)

    def _set_deadline(self, deadline: float) -> None:
        self._deadline = deadline
        if self._timer is not None and self._timer.when() > deadline:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self.loop.call_at(deadline, self._check_deadline)

    def _check_deadline(self) -> None:
        self._timer = None
        if self._deadline is None:
            return
        if self.loop.time() < self._deadline:
            self._set_deadline(self._deadline)
        elif self.transport.is_closing() or self.flow.write_paused:
            self._check_writing()
        elif self._in_body and (self.flow.read_paused or self.cycle.waiting_for_100_continue):
            # It is the application that is slow.
            self._body_begun, self._body_bytes = self.loop.time(), 0
            self._extend_body()
        else:
            self._time_out()

    def _check_writing(self) -> None:
        byte_count = self._unsent - self.transport.get_write_buffer_size()
        if byte_count >= self._limits.body_rate * self._limits.body_seconds:
            self._linger()
        else:
            self.transport.abort()

    def _time_out(self) -> None:
        limits = self._limits
        if self._in_body:
            flag = limits.flag_of("body_seconds")
            text = (
                f"the body stalled for {limits.body_seconds:g} s, or is slower than {limits.body_rate} bytes a second"
            )
            self._end("408 Request Timeout", text + flag)
        elif self._in_header:
            flag = limits.flag_of("header_seconds")
            self._end("408 Request Timeout", f"the header was not complete within {limits.header_seconds:g} s{flag}")
        else:
            self.transport.close()

    def _end(self, status: str, text: str) -> None:
        """Answers with an error, unless an answer has begun, and closes the connection."""
        if self.transport.is_closing():
            return
        is_unanswered = not self.cycle.response_started if self._in_body else not self._is_responding()
        if is_unanswered and not self.pipeline:
            self.transport.write(refusal(status, text))
        if self._is_responding():
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()
        self._linger()
