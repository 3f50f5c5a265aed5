from __future__ import annotations

import socket
import threading
import time
from collections.abc import Awaitable, Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import grpc
import pytest
from tfapp_client import ConnectionSettings, Retries
from tfapp_client.errors import DeadlineExceededError, UnavailableError

from tests.client.bare_server import BareServer, double

_ONCE = ConnectionSettings(retries=Retries(attempts=1))


def test_wait_for_ready_waits_for_the_server(predict: Callable[..., Awaitable[Any]]) -> None:
    patient = ConnectionSettings(retries=Retries(attempts=1), wait_for_ready=True)
    start = time.monotonic()
    with pytest.raises(UnavailableError, match=r"no connection within the deadline: .*Connection refused"):
        predict("127.0.0.1:1", connection=patient, timeout=0.5)
    assert time.monotonic() - start > 0.45
    with pytest.raises(UnavailableError):
        predict("127.0.0.1:1", connection=ConnectionSettings(retries=Retries(attempts=1)), timeout=20)


def test_a_deadline_without_a_connection_says_why_there_is_none(predict: Callable[..., Any]) -> None:
    # By default the retries take longer than this.
    with pytest.raises(UnavailableError, match=r"no connection within the deadline: .*Connection refused") as excinfo:
        predict("127.0.0.1:1", timeout=0.5)
    assert isinstance(excinfo.value.__cause__, grpc.RpcError)
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(UnavailableError, match="still connecting"):
        predict(f"127.0.0.1:{listener.getsockname()[1]}", timeout=0.5)


def test_a_deadline_with_a_connection_stays_one(predict: Callable[..., Any]) -> None:
    over = threading.Event()

    def wait(request: Any) -> Any:
        over.wait(20)
        return double(request)

    with BareServer(wait) as server:
        with pytest.raises(DeadlineExceededError):
            predict(server.address, timeout=1)
        over.set()


def test_the_rest_port_is_named_as_such(predict: Callable[..., Any]) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as rest:
        threading.Thread(target=rest.serve_forever, daemon=True).start()
        for settings in ({"timeout": 0.5}, {"connection": _ONCE}):
            for host in ("127.0.0.1", "localhost"):
                with pytest.raises(UnavailableError, match="this is no gRPC port but a REST port or the like; give"):
                    predict(f"{host}:{rest.server_port}", **settings)
        rest.shutdown()
