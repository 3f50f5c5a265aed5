from __future__ import annotations

import asyncio
import pickle
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import trustme
from tfapp_client import AsyncClient, Client, ConnectionSettings, Retries, TlsFiles
from tfapp_client.connection import Endpoint
from tfapp_client.errors import DeadlineExceededError, InternalError, UnavailableError

from tests.client.bare_server import BareServer, CountingProxy, Refusal, doubled

_QUICK = ConnectionSettings(retries=Retries(initial_backoff=0.01, max_backoff=0.05))


@pytest.fixture(params=["waiting", "awaited"])
def predict(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Makes a client with the given settings, and asks it once for twice 1.5, or for twice `x`."""

    def ask(*arguments: Any, x: Any = (1.5,), **settings: Any) -> Any:
        inputs = {"x": np.asarray(x, np.float32)}
        if request.param == "waiting":
            with Client(*arguments, **settings) as client:
                return client.predict("m", inputs)["y"].tolist()

        async def main() -> Any:
            async with AsyncClient(*arguments, **settings) as client:
                return (await client.predict("m", inputs))["y"].tolist()

        return asyncio.run(main())

    return ask


class _Failing:
    """Fails some times, then answers."""

    def __init__(self, code: grpc.StatusCode, times: int) -> None:
        self.code, self.times = code, times

    def __call__(self, request: Any) -> Any:
        self.times -= 1
        if self.times >= 0:
            raise Refusal(self.code, "not now")
        return doubled(request)


def test_unavailable_is_tried_again(predict: Callable[..., Any]) -> None:
    with BareServer(_Failing(grpc.StatusCode.UNAVAILABLE, 4)) as server:
        assert predict(server.address, connection=_QUICK) == [3.0]
        assert server.calls == 5
        assert server.metadata[-1]["grpc-previous-rpc-attempts"] == "4"


def test_retries_end(predict: Callable[..., Any]) -> None:
    with BareServer(_Failing(grpc.StatusCode.UNAVAILABLE, 99)) as server:
        with pytest.raises(UnavailableError, match="not now"):
            predict(server.address, connection=_QUICK)
        assert server.calls == 5
        with pytest.raises(UnavailableError):
            predict(server.address, connection=ConnectionSettings(retries=Retries(attempts=1)))
        assert server.calls == 6


def test_nothing_else_is_tried_again(predict: Callable[..., Any]) -> None:
    with BareServer(_Failing(grpc.StatusCode.INTERNAL, 1)) as server:
        with pytest.raises(InternalError):
            predict(server.address, connection=_QUICK)
        assert server.calls == 1


def test_large_requests_are_tried_again(predict: Callable[..., Any]) -> None:
    with BareServer(_Failing(grpc.StatusCode.UNAVAILABLE, 1)) as server:
        assert len(predict(server.address, connection=_QUICK, x=np.ones(1 << 20))) == 1 << 20
        assert server.calls == 2


def test_several_addresses_take_turns(predict: Callable[..., Any]) -> None:
    with BareServer() as one, BareServer() as two:
        for address in ([one.address, two.address], f"{one.address},{two.address}"):
            before = one.calls, two.calls
            with Client(address) as client:
                client.predict("m", {"x": [1.0]})
                # Both connections are there once both have answered.
                while not (one.calls > before[0] and two.calls > before[1]):
                    client.predict("m", {"x": [1.0]})
                settled = one.calls, two.calls
                for _ in range(10):
                    client.predict("m", {"x": [1.0]})
                assert (one.calls - settled[0], two.calls - settled[1]) == (5, 5)
        one.stop()
        assert predict([one.address, two.address]) == [3.0]


def test_gzip_makes_requests_smaller(predict: Callable[..., Any]) -> None:
    with BareServer() as server:
        proxy = CountingProxy(server.port)
        predict(proxy.address, x=np.zeros(50_000))
        plain, proxy.sent = proxy.sent, 0
        predict(proxy.address, x=np.zeros(50_000), connection=ConnectionSettings(gzip=True))
        assert plain > 200_000
        assert proxy.sent < 20_000
        proxy.close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> dict[str, Path]:
    """PEM files: the authority's certificate, and a client's own key and certificate."""
    own = authority.issue_cert("client@example.org")
    paths = {name: tmp_path / f"{name}.pem" for name in ("root", "key", "certificate")}
    authority.cert_pem.write_to_path(paths["root"])
    own.private_key_pem.write_to_path(paths["key"])
    own.cert_chain_pems[0].write_to_path(paths["certificate"])
    return paths


@pytest.fixture
def encrypted(authority: trustme.CA, request: pytest.FixtureRequest) -> Iterator[BareServer]:
    """A server for models.example.org; with the parameter "mutual" it asks for the client's certificate."""
    own = authority.issue_cert("models.example.org")
    pair = (own.private_key_pem.bytes(), own.cert_chain_pems[0].bytes())
    mutual = getattr(request, "param", "") == "mutual"
    roots = authority.cert_pem.bytes() if mutual else None
    with BareServer(credentials=grpc.ssl_server_credentials([pair], roots, mutual)) as server:
        yield server


_ONCE = ConnectionSettings(retries=Retries(attempts=1))


def test_tls(predict: Callable[..., Any], encrypted: BareServer, files: dict[str, Path]) -> None:
    named = TlsFiles(root=files["root"], server_name="models.example.org")
    assert predict(encrypted.address, tls=named) == [3.0]
    with pytest.raises(UnavailableError):
        predict(encrypted.address, tls=TlsFiles(root=files["root"], server_name="other.example.org"), connection=_ONCE)
    with pytest.raises(UnavailableError):
        predict(encrypted.address, tls=TlsFiles(server_name="models.example.org"), connection=_ONCE)
    with pytest.raises(UnavailableError):
        predict(encrypted.address, connection=_ONCE)
    assert encrypted.calls == 1


@pytest.mark.parametrize("encrypted", ["mutual"], indirect=True)
def test_mutual_tls(predict: Callable[..., Any], encrypted: BareServer, files: dict[str, Path]) -> None:
    assert predict(encrypted.address, tls=TlsFiles(**files, server_name="models.example.org")) == [3.0]
    nameless = TlsFiles(root=files["root"], server_name="models.example.org")
    with pytest.raises(UnavailableError):
        predict(encrypted.address, tls=nameless, connection=_ONCE)


def test_a_token_goes_with_each_call(
    predict: Callable[..., Any], encrypted: BareServer, files: dict[str, Path]
) -> None:
    tls = TlsFiles(root=files["root"], server_name="models.example.org")
    predict(encrypted.address, tls=tls, token="secret")
    predict(encrypted.address, tls=tls, token=lambda: "fresh")
    assert [sent["authorization"] for sent in encrypted.metadata] == ["Bearer secret", "Bearer fresh"]


def test_a_token_goes_in_plain_text_only_if_asked_to(predict: Callable[..., Any]) -> None:
    with BareServer() as server:
        with pytest.raises(ValueError, match="would travel in plain text"):
            predict(server.address, token="secret")
        predict(server.address, token="secret", connection=ConnectionSettings(allow_plain_token=True))
        predict(server.address)
        assert [sent.get("authorization") for sent in server.metadata] == ["Bearer secret", None]
        assert server.metadata[0]["user-agent"].startswith("tfapp-client/")


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("models:8500", "models:8500"),
        ("[::1]:8500", "[::1]:8500"),
        ("unix:/tmp/s", "unix:/tmp/s"),
        ("dns:///models:8500", "dns:///models:8500"),
        ("ipv4:10.0.0.1:1,10.0.0.2:1", "ipv4:10.0.0.1:1,10.0.0.2:1"),
        (["models:8500"], "models:8500"),
        ("10.0.0.1:1, 10.0.0.2:2", "ipv4:10.0.0.1:1,10.0.0.2:2"),
        (["[::1]:1", "[::2]:2"], "ipv6:[::1]:1,[::2]:2"),
    ],
)
def test_addresses_become_targets(address: Any, target: str) -> None:
    assert Endpoint(address).target == target


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("", "must be HOST:PORT"),
        ([], "must be HOST:PORT"),
        ("10.0.0.1:1,", "must be HOST:PORT"),
        (["a:1", "b:1"], "must be IP:PORT each, got 'a:1'"),
        (["10.0.0.1", "10.0.0.2"], "must be IP:PORT each"),
        (["10.0.0.1:1", "[::1]:1"], "all IPv4 or all IPv6"),
        ("localhost", "must be HOST:PORT of the gRPC port, such as localhost:8500, got 'localhost'"),
        ("http://localhost:8500", "must be HOST:PORT .* got 'http://localhost:8500'"),
        ("localhost:8500/v1", "must be HOST:PORT"),
        ("localhost:grpc", "must be HOST:PORT"),
        ("::1:8500", "must be HOST:PORT"),
        ([" "], "must be HOST:PORT"),
    ],
)
def test_addresses_that_are_none(address: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        Endpoint(address)


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="attempts must be from 1 to 5, got 6"):
        Retries(attempts=6)
    with pytest.raises(ValueError, match="initial_backoff, max_backoff and multiplier must be over 0"):
        Retries(initial_backoff=0)
    with pytest.raises(FileNotFoundError):
        Client("localhost:1", tls=TlsFiles(root="no such file"))


@pytest.mark.parametrize(
    ("old", "new"), [("first_pause", "initial_backoff"), ("longest_pause", "max_backoff"), ("factor", "multiplier")]
)
def test_an_old_name_of_a_setting_names_the_new_one(old: str, new: str) -> None:
    with pytest.raises(TypeError, match=f"Retries has no {old} any more; it is called {new} now"):
        Retries(**{old: 1})
    retries = Retries(**{new: 1})  # type: ignore[arg-type]
    assert replace(retries, attempts=2) == pickle.loads(pickle.dumps(Retries(attempts=2, **{new: 1})))  # type: ignore[arg-type]


def test_wait_for_ready_waits_for_the_server(predict: Callable[..., Awaitable[Any]]) -> None:
    patient = ConnectionSettings(retries=Retries(attempts=1), wait_for_ready=True)
    began = time.monotonic()
    with pytest.raises(UnavailableError, match=r"no connection within the deadline: .*Connection refused"):
        predict("127.0.0.1:1", connection=patient, timeout=0.5)
    assert time.monotonic() - began >= 0.5
    with pytest.raises(UnavailableError):
        predict("127.0.0.1:1", connection=ConnectionSettings(retries=Retries(attempts=1)), timeout=20)


def test_a_deadline_without_a_connection_says_why_there_is_none(predict: Callable[..., Any]) -> None:
    # By default the retries take longer than this.
    with pytest.raises(UnavailableError, match=r"no connection within the deadline: .*Connection refused") as caught:
        predict("127.0.0.1:1", timeout=0.5)
    assert isinstance(caught.value.__cause__, grpc.RpcError)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(UnavailableError, match="still connecting"):
        predict(f"127.0.0.1:{silent.getsockname()[1]}", timeout=0.5)


def test_a_deadline_with_a_connection_stays_one(predict: Callable[..., Any]) -> None:
    over = threading.Event()

    def wait(request: Any) -> Any:
        over.wait(20)
        return doubled(request)

    with BareServer(wait) as server:
        with pytest.raises(DeadlineExceededError):
            predict(server.address, timeout=1)
        over.set()


def test_the_rest_port_is_named_as_such(predict: Callable[..., Any]) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as rest:
        threading.Thread(target=rest.serve_forever, daemon=True).start()
        for settings in ({"timeout": 0.5}, {"connection": _ONCE}):
            with pytest.raises(UnavailableError, match="this is no gRPC port but a REST port or the like; give"):
                predict(f"127.0.0.1:{rest.server_port}", **settings)
        rest.shutdown()
