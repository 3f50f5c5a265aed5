"""Tests what callers of any web port can hold up: nothing."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import threading
import time
from contextlib import AbstractContextManager, ExitStack
from http.client import HTTPResponse
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from tests.processes import wait_until
from tests.web_ports import web_port
from tfapp.core.connections import ConnectionGate, ConnectionLimits, GuardedConnection, connection_budget
from tfapp.core.ports import open_port

_GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
_FLAGS = {"header_bytes": "--most_header", "header_seconds": "--header_time", "address_connections": "--by_address"}


async def _app(scope: Any, receive: Any, send: Any) -> None:
    """Answers /early before the body is read, /large with 64 MB, all else with the body's size."""
    request = Request(scope, receive)
    if scope["path"] == "/large":
        answer = Response(bytes(64 << 20))
    else:
        answer = Response(b"early" if scope["path"] == "/early" else str(len(await request.body())).encode())
    await answer(scope, receive, send)


def _serving(**limits: Any) -> AbstractContextManager[int]:
    return _behind(ConnectionGate(ConnectionLimits(**limits, flags=_FLAGS), "a port"))


def _behind(gate: ConnectionGate, app: Any = _app) -> AbstractContextManager[int]:
    return web_port(gate, app)


def _connect(port: int, request: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(request)
    return connection


def _rest(connection: socket.socket) -> bytes:
    """Returns what comes until the server ends the connection."""
    parts = []
    try:
        while part := connection.recv(1 << 16):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def _answer(connection: socket.socket) -> bytes:
    """The status line and the body of one answer."""
    with HTTPResponse(connection) as answer:
        answer.begin()
        return f"{answer.status} ".encode() + answer.read()


def _exchange(port: int, request: bytes = _GET) -> bytes:
    with _connect(port, request) as connection:
        return _answer(connection)


def _drip(connection: socket.socket, part: bytes) -> bytes:
    """Sends a part again and again, faster than any limit, until the server has had enough."""
    connection.settimeout(0.02)
    while True:
        try:
            connection.sendall(part)
            return _rest(connection)
        except TimeoutError:
            continue
        except OSError:
            return b""


def _answer_to_drips(port: int, start: bytes, part: bytes) -> bytes:
    """Returns the answer to a request that drips; one is lost, and asked for again, where a part comes after it."""
    for _ in range(20):
        with _connect(port, start) as connection:
            if answer := _drip(connection, part):
                return answer
    raise AssertionError("each answer was lost to a reset of its connection")


def test_a_silent_connection_is_closed() -> None:
    with _serving(header_seconds=0.1) as port, _connect(port) as connection:
        assert _rest(connection) == b""


def test_a_header_has_a_time_however_it_drips() -> None:
    with _serving(header_seconds=0.2) as port:
        answer = _answer_to_drips(port, b"GET / HTTP/1.1\r\n", b"X-A: b\r\n")
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"the header was not complete within 0.2 s (--header_time)" in answer
        # So has that of a later request.
        with _connect(port, _GET) as connection:
            assert _answer(connection).startswith(b"200 ")
            connection.sendall(b"GET / HT")
            assert _rest(connection).startswith(b"HTTP/1.1 408 ")


def test_an_idle_connection_is_closed_and_no_sooner_used_again_than_wanted() -> None:
    with _serving(header_seconds=30, keep_alive_seconds=0.1) as port, _connect(port, _GET) as idle:
        assert _rest(idle).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_stalls_or_drips() -> None:
    post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{"
    with _serving(body_seconds=0.2, body_rate=1000) as port:
        with _connect(port, post) as stalled_connection:
            answer = _rest(stalled_connection)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"the body stalled for 0.2 s, or is slower than 1000 bytes a second" in answer
        assert _answer_to_drips(port, post, b".").startswith(b"HTTP/1.1 408 ")
        request = post[:-1] + b"." * 100000
        assert _exchange(port, request).endswith(b"100000")


def test_a_body_after_its_answer_has_a_time() -> None:
    post = b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    with _serving(header_seconds=0.2) as port, _connect(port, post) as connection:
        assert _answer(connection).startswith(b"200 ")
        assert _drip(connection, b".") == b""


def test_an_answer_that_nobody_takes() -> None:
    gate = ConnectionGate(ConnectionLimits(body_seconds=0.2), "a port")
    with _behind(gate) as port, _connect(port, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n") as deaf:
        assert deaf.recv(1)
        wait_until(lambda: gate.open == 0)


@pytest.mark.parametrize(
    "content",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 5000,
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 700,
        b"GET /" + b"a" * 5000,
        b"\r\n" * 2500,
    ],
)
def test_headers_have_a_size(content: bytes) -> None:
    with _serving(header_bytes=4096) as port:
        with _connect(port, content) as connection:
            answer = _rest(connection)
        assert b"HTTP/1.1 431 " in answer
        assert b"the header has 4096 bytes or more (--most_header)" in answer
        fits = b"GET / HTTP/1.1\r\nX-A: " + b"a" * 4000 + b"\r\nHost: x\r\n\r\n"
        assert _exchange(port, fits).startswith(b"200 ")


@pytest.mark.parametrize("ends", [b"0\r\nX-A: " + b"a" * 9000, b"0\r\n" + b"X-A: b\r\n" * 1200, b"1;" + b"a" * 9000])
def test_trailers_and_chunk_extensions_have_a_size(ends: bytes) -> None:
    start = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
    with _serving(header_bytes=4096) as port, _connect(port, start + ends) as connection:
        assert _rest(connection).startswith(b"HTTP/1.1 431 ")


def test_a_large_header_behind_another_request() -> None:
    with _serving(header_bytes=4096) as port, _connect(port, _GET + _GET[:-2] + b"a" * 9000) as connection:
        _rest(connection)


def test_bodies_are_larger_than_headers_and_requests_come_in_one_piece() -> None:
    with _serving(header_bytes=1024) as port:
        body = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n" + b"." * 500_000
        assert _exchange(port, body).endswith(b"500000")
        last = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
        with _connect(port, _GET * 300 + last) as connection:
            assert _rest(connection).count(b"HTTP/1.1 200 ") == 301


@pytest.mark.parametrize("upgrade", [b"Upgrade: h2c", b"upgrade:h2c"])
@pytest.mark.parametrize("last", [b"", b"User-Agent: Java-http-client/17.0.9\r\n"])
def test_an_offer_to_go_on_with_http2_is_ignored(upgrade: bytes, last: bytes) -> None:
    header = b"POST / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: 30\r\nHost: x\r\n"
    request = header + b"HTTP2-Settings: AAEAAEAA\r\n" + upgrade + b"\r\n" + last + b"\r\n"
    body = b'["\r\nUpgrade: h2c\r\n",         ]'
    assert len(body) == 30
    with _serving() as port, _connect(port, request + body) as connection:
        assert _answer(connection) == b"200 30"
        connection.sendall(request)
        connection.sendall(body)
        assert _answer(connection) == b"200 30"


def test_silent_connections_make_room(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    with _serving(connections=8, address_connections=6) as port, ExitStack() as stack:
        connections = [stack.enter_context(_connect(port)) for _ in range(50)]
        assert _exchange(port).startswith(b"200 ")
        assert _rest(connections[0]) == b""
        # Another address has its own share.
        with socket.create_connection(("127.0.0.1", port), 30, ("127.0.0.2", 0)) as connection:
            connection.sendall(_GET)
            assert _answer(connection).startswith(b"200 ")
    messages = [record.message for record in caplog.records]
    bound = "6 are the most that one address may have (--by_address)"
    assert messages[0] == f"a port: closed the oldest silent connection of 127.0.0.1, to take a new one: {bound}"
    assert len(messages) < 10


def test_malformed_requests_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    message = "Invalid HTTP request received."
    with _serving() as port:
        # The next one is a warning again, whatever the last second had.
        _warn(message, time.time() + 1e6)
        caplog.clear()
        start = time.time()
        for _ in range(200):
            assert _exchange(port, b"nonsense\r\n\r\n").startswith(b"400 ")
    lines = [record.message for record in caplog.records].count(message)
    assert 1 <= lines <= 1 + time.time() - start


def test_a_warning_of_the_web_server_is_repeated_after_a_second(caplog: pytest.LogCaptureFixture) -> None:
    with _serving():
        for seconds in (0, 0.5, 1, 1.5, 2.5):
            _warn("a warning", 1e6 + seconds)
            _warn(f"another one, after {seconds} s", 1e6 + seconds)
            _warn("an error", 1e6 + seconds, logging.ERROR)
    messages = [record.message for record in caplog.records]
    assert [messages.count(message) for message in ("a warning", "an error")] == [3, 5]
    assert sum(message.startswith("another") for message in messages) == 5


def _warn(message: str, created: float, level: int = logging.WARNING) -> None:
    record = {"name": "uvicorn.error", "msg": message, "levelno": level, "created": created}
    logging.getLogger("uvicorn.error").handle(logging.makeLogRecord(record))


def test_connections_at_work_are_not_ended_for_others() -> None:
    starts, may_end = threading.Semaphore(0), threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        starts.release()
        if scope["path"] == "/work":
            await asyncio.to_thread(may_end.wait, 60)
        await _app(scope, receive, send)

    # Behind the second is one more request, whose body does not come: the first is at work nevertheless.
    behind = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
    requests = [b"GET /work HTTP/1.1\r\nHost: x\r\n\r\n" + body for body in (b"", behind)]
    gate = ConnectionGate(ConnectionLimits(connections=8, address_connections=2, flags=_FLAGS), "a port")
    with _behind(gate, app) as port, ExitStack() as stack:
        busy_connections = [stack.enter_context(_connect(port, request)) for request in requests]
        assert all(starts.acquire(timeout=30) for _ in busy_connections)
        refusal = _exchange(port)
        assert refusal.startswith(b"503 ")
        assert b"127.0.0.1 has 2 connections at work, the most that one address may have (--by_address)" in refusal
        may_end.set()
        for connection in busy_connections:
            assert _answer(connection).endswith(b"0")
        wait_until(lambda: _exchange(port).startswith(b"200 "))


def test_bodies_that_do_not_come_make_room() -> None:
    post = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    with _serving(connections=8, address_connections=3) as port, ExitStack() as stack:
        first, second, third = (stack.enter_context(_connect(port, post)) for _ in range(3))
        for connection in (first, second, third):
            assert connection.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        # Whose body goes on is not the next to go.
        first.sendall(b"a")
        wait_until(lambda: _exchange(port).startswith(b"200 ") and _is_closed(second))
        first.sendall(b"bcd")
        assert _answer(first).endswith(b"4")


def _is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_addresses_are_counted_by_network() -> None:
    gate = ConnectionGate(ConnectionLimits(connections=8, address_connections=1), "a port")
    peers = [("2001:db8::1", 1, 0, 0), ("2001:db8::2", 1, 0, 0), ("2001:db8:0:1::1", 1, 0, 0)]
    peers += [("::ffff:10.0.0.1", 1, 0, 0), ("10.0.0.1", 2)]
    addresses = [GuardedConnection(socket.socket(), peer) for peer in peers]
    assert [gate.admit(connection) for connection in addresses] == [True] * 5
    # The second ended the first, the last that before it: they are of one network.
    assert [connection.address for connection in addresses] == [
        "2001:db8::/64",
        "2001:db8::/64",
        "2001:db8:0:1::/64",
        "10.0.0.1",
        "10.0.0.1",
    ]
    for connection in addresses:
        connection.close()


def test_a_port_that_a_caller_uses_again_is_counted_once() -> None:
    gate = ConnectionGate(ConnectionLimits(connections=8, address_connections=2), "a port")
    for _ in range(10):
        # The caller resets a connection and connects from the same port before the event loop sees the reset.
        first, second = (GuardedConnection(socket.socket(), ("10.0.0.1", 1)) for _ in range(2))
        assert gate.admit(first)
        assert gate.admit(second)
        gate.begin(second.peer)
        first.close()
        assert gate.open == 1
        second.close()
    assert gate.open == 0
    at_work = [GuardedConnection(socket.socket(), ("10.0.0.1", port)) for port in (1, 2, 3)]
    for connection in at_work[:2]:
        assert gate.admit(connection)
        gate.begin(connection.peer)
    assert not gate.admit(at_work[2])
    for connection in at_work:
        connection.close()


def test_all_addresses_together_have_a_limit() -> None:
    gate = ConnectionGate(ConnectionLimits(connections=3, address_connections=2, flags=_FLAGS), "a port")
    callers = [GuardedConnection(socket.socket(), (f"10.0.0.{number}", 1)) for number in range(5)]
    assert all(gate.admit(caller) for caller in callers[:4])
    # The fourth ended one that was silent.
    assert gate.open == 3
    for caller in callers[1:4]:
        gate.begin(caller.peer)
    assert not gate.admit(callers[4])
    assert gate.open == 3
    for caller in callers:
        caller.close()


def test_used_up_descriptors_are_told_once() -> None:
    with open_port("127.0.0.1", 0, backlog=8) as listener, _connect(listener.getsockname()[1]):
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
        try:
            with pytest.raises(OSError, match="Too many open files"):
                listener.accept()
            for _ in range(3):
                with pytest.raises(BlockingIOError):
                    listener.accept()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_the_budget_leaves_descriptors_for_the_rest() -> None:
    assert 16 <= connection_budget(2) <= connection_budget(1) <= 8192
