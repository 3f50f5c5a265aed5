"""Connections that are reset and made again from the same port of the caller: none is counted when it is gone."""

from __future__ import annotations

import asyncio
import errno
import random
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import Any, Final

import grpc
import pytest
from starlette.requests import Request
from starlette.responses import Response

from tests.conformance import rest
from tests.hostile.attack import HANG_SECONDS, AttackPlan, attack
from tests.hostile.grpc_calls import PREDICT
from tests.hostile.grpc_port import GOOD, GrpcPort
from tests.hostile.http2 import (
    END_HEADERS,
    END_STREAM,
    PREFACE,
    Kind,
    frame,
    header_block,
    length_prefixed,
)
from tests.processes import wait_until
from tests.served_models import write_numbers, write_words
from tests.web_ports import web_port
from tfapp.core.connections import ConnectionGate, ConnectionLimits
from tfapp.server import ModelServer, ServerSettings, running_server

_BODY: Final = b'{"instances":[1.0,2.0]}'
_POST: Final = b"POST /v1/models/numbers:predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(_BODY)
_HTTP: Final = _POST + _BODY
_HEADERS: Final = (
    *((b":method", b"POST"), (b":scheme", b"http"), (b":path", PREDICT.encode()), (b":authority", b"a")),
    *((b"te", b"trailers"), (b"content-type", b"application/grpc")),
)
_CALLS: Final = b"".join(
    frame(Kind.HEADERS, END_HEADERS, stream, header_block(_HEADERS))
    + frame(Kind.DATA, END_STREAM, stream, length_prefixed(GOOD[0].request()))
    for stream in range(1, 24, 2)
)
_HTTP2: Final = PREFACE + frame(Kind.SETTINGS, 0, 0) + _CALLS
# A closed socket sends a reset, and what was not sent is lost.
_RESET: Final = struct.pack("ii", 1, 0)
_PORTS: Final = 3
_LIMITS: Final = {"connections": 12, "address_connections": 6}


def reset_again_and_again(source: random.Random, port: int, own_ports: Sequence[int], request: bytes) -> None:
    """Connects a few times from one port, sends a part of a request, and resets most connections, some at once."""
    own_port = source.choice(own_ports)
    for _ in range(source.choice((1, 2, 8, 20))):
        with suppress(ConnectionError), socket.socket() as connection:
            if source.random() < 0.9:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            if not _connect(connection, own_port, port):
                continue
            end = source.choice((0, source.randrange(len(request)), len(request), len(request)))
            connection.sendall(request[:end])
            if end == len(request) and source.random() < 0.3:
                connection.recv(source.choice((1, 1 << 16)))
            elif source.random() < 0.1:
                connection.shutdown(socket.SHUT_WR)


def _connect(connection: socket.socket, own_port: int, port: int) -> bool:
    """Connects from a port; returns False where the last connection from there has not ended yet (TIME_WAIT)."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    connection.settimeout(HANG_SECONDS)
    try:
        connection.bind(("127.0.0.1", own_port))
        connection.connect(("127.0.0.1", port))
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.ECONNRESET):
            raise
        return False
    return True


def _own_ports() -> list[int]:
    """Returns ports from which nobody calls yet."""
    with ExitStack() as stack:
        own_sockets = [stack.enter_context(socket.socket()) for _ in range(_PORTS)]
        for own_socket in own_sockets:
            own_socket.bind(("127.0.0.1", 0))
        return [own_socket.getsockname()[1] for own_socket in own_sockets]


async def _app(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the body's size, now and then from a thread, as the pages of the console do."""
    request = Request(scope, receive)
    size = len(await request.body())
    await asyncio.to_thread(lambda: None)
    await Response(str(size))(scope, receive, send)


def test_any_resets_of_a_web_port(plan: AttackPlan) -> None:
    """The console, REST and the port that texts are pushed to have the same gate."""
    gate, own_ports = ConnectionGate(ConnectionLimits(**_LIMITS), "a port"), _own_ports()
    with web_port(gate, _app) as port:

        def still_good() -> None:
            wait_until(lambda: gate.open == 0, seconds=HANG_SECONDS)
            # As many as one address may have at the same time.
            with ExitStack() as stack:
                connections = [
                    stack.enter_context(socket.create_connection(("127.0.0.1", port), HANG_SECONDS))
                    for _ in range(_LIMITS["address_connections"])
                ]
                for part in (_POST, _BODY):
                    for connection in connections:
                        connection.sendall(part)
                assert {connection.recv(12) for connection in connections} == {b"HTTP/1.1 200"}

        attack(plan, 300, lambda source: reset_again_and_again(source, port, own_ports, _HTTP), still_good)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """A server on which few connections and calls that are counted though they are gone shut out all others."""
    models = tmp_path_factory.mktemp("models")
    write_numbers(models, 1)
    write_words(models)
    settings = ServerSettings(
        rest_api_port=0,
        rest_api_max_connections=_LIMITS["connections"],
        rest_api_max_connections_per_address=_LIMITS["address_connections"],
        grpc_max_threads=4,
    )
    with running_server(models, port=0, settings=settings) as model_server:
        yield model_server


def test_any_resets_of_a_model_server(server: ModelServer, plan: AttackPlan) -> None:
    assert server.rest_address is not None
    rest_port, own_ports = int(server.rest_address.rpartition(":")[2]), _own_ports()
    with grpc.insecure_channel(server.address) as channel:
        grpc_port = GrpcPort(channel, frozenset())

        def strike(source: random.Random) -> None:
            port, request = source.choice(((rest_port, _HTTP), (server.port, _HTTP2)))
            reset_again_and_again(source, port, own_ports, request)

        def still_good() -> None:
            # Calls that have begun run to their end.
            wait_until(lambda: _answers_rest(rest_port), seconds=HANG_SECONDS)
            wait_until(lambda: _answers_grpc(grpc_port), seconds=HANG_SECONDS)

        attack(plan, 200, strike, still_good)


def _answers_rest(port: int) -> bool:
    answer = rest.ask(port, "POST", "/v1/models/numbers:predict", {"instances": [1.0]})
    assert answer.status in (200, 429, 503), answer
    return answer.status == 200


def _answers_grpc(port: GrpcPort) -> bool:
    try:
        port.still_good()
    except grpc.RpcError as error:
        if error.code() not in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE):
            raise
        return False
    return True
