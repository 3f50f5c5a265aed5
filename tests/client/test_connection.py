from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import trustme
from tfapp_client import Client, ConnectionSettings, Retries, TlsFiles
from tfapp_client.connection import Endpoint
from tfapp_client.errors import UnavailableError

from tests.client.bare_server import BareServer, CountingProxy


def test_several_addresses_take_turns(predict: Callable[..., Any]) -> None:
    with BareServer() as first, BareServer() as second:
        for address in ([first.address, second.address], f"{first.address},{second.address}"):
            counts = first.calls, second.calls
            with Client(address) as client:
                client.predict("m", {"x": [1.0]})
                # Both connections are there once both have answered.
                while not (first.calls > counts[0] and second.calls > counts[1]):
                    client.predict("m", {"x": [1.0]})
                start = first.calls, second.calls
                for _ in range(10):
                    client.predict("m", {"x": [1.0]})
                assert (first.calls - start[0], second.calls - start[1]) == (5, 5)
        first.stop()
        assert predict([first.address, second.address]) == [3.0]


def test_gzip_makes_requests_smaller(predict: Callable[..., Any]) -> None:
    with BareServer() as server:
        proxy = CountingProxy(server.port)
        predict(proxy.address, x=np.zeros(50_000))
        plain_size, proxy.sent = proxy.sent, 0
        predict(proxy.address, x=np.zeros(50_000), connection=ConnectionSettings(gzip=True))
        assert plain_size > 200_000
        assert proxy.sent < 20_000
        proxy.close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> dict[str, Path]:
    """PEM files: the authority's certificate, and a client's own key and certificate."""
    certificate = authority.issue_cert("client@example.org")
    paths = {name: tmp_path / f"{name}.pem" for name in ("root", "key", "certificate")}
    authority.cert_pem.write_to_path(paths["root"])
    certificate.private_key_pem.write_to_path(paths["key"])
    certificate.cert_chain_pems[0].write_to_path(paths["certificate"])
    return paths


@pytest.fixture
def tls_server(authority: trustme.CA, request: pytest.FixtureRequest) -> Iterator[BareServer]:
    """A server for models.example.org; with the parameter "mutual" it asks for the client's certificate."""
    certificate = authority.issue_cert("models.example.org")
    pair = (certificate.private_key_pem.bytes(), certificate.cert_chain_pems[0].bytes())
    mutual = getattr(request, "param", "") == "mutual"
    roots = authority.cert_pem.bytes() if mutual else None
    with BareServer(credentials=grpc.ssl_server_credentials([pair], roots, mutual)) as server:
        yield server


_ONCE = ConnectionSettings(retries=Retries(attempts=1))


def test_tls(predict: Callable[..., Any], tls_server: BareServer, files: dict[str, Path]) -> None:
    files_with_name = TlsFiles(root=files["root"], server_name="models.example.org")
    assert predict(tls_server.address, tls=files_with_name) == [3.0]
    with pytest.raises(UnavailableError):
        predict(tls_server.address, tls=TlsFiles(root=files["root"], server_name="other.example.org"), connection=_ONCE)
    with pytest.raises(UnavailableError):
        predict(tls_server.address, tls=TlsFiles(server_name="models.example.org"), connection=_ONCE)
    with pytest.raises(UnavailableError):
        predict(tls_server.address, connection=_ONCE)
    assert tls_server.calls == 1


@pytest.mark.parametrize("tls_server", ["mutual"], indirect=True)
def test_mutual_tls(predict: Callable[..., Any], tls_server: BareServer, files: dict[str, Path]) -> None:
    assert predict(tls_server.address, tls=TlsFiles(**files, server_name="models.example.org")) == [3.0]
    nameless = TlsFiles(root=files["root"], server_name="models.example.org")
    with pytest.raises(UnavailableError):
        predict(tls_server.address, tls=nameless, connection=_ONCE)


def test_a_token_goes_with_each_call(
    predict: Callable[..., Any], tls_server: BareServer, files: dict[str, Path]
) -> None:
    tls = TlsFiles(root=files["root"], server_name="models.example.org")
    predict(tls_server.address, tls=tls, token="secret")
    predict(tls_server.address, tls=tls, token=lambda: "fresh")
    assert [metadata["authorization"] for metadata in tls_server.metadata] == ["Bearer secret", "Bearer fresh"]


def test_a_token_goes_in_plain_text_only_if_asked_to(predict: Callable[..., Any]) -> None:
    with BareServer() as server:
        with pytest.raises(ValueError, match="would travel in plain text"):
            predict(server.address, token="secret")
        predict(server.address, token="secret", connection=ConnectionSettings(allow_plain_token=True))
        predict(server.address)
        assert [metadata.get("authorization") for metadata in server.metadata] == ["Bearer secret", None]
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
        ("10.0.0.1:1,10.0.0.2:\uff12", "must be IP:PORT each"),
        (["10.0.0.1:1", "[::1]:1"], "all IPv4 or all IPv6"),
        ("localhost", "must be HOST:PORT of the gRPC port, such as localhost:8500, got 'localhost'"),
        ("http://localhost:8500", "must be HOST:PORT .* got 'http://localhost:8500'"),
        ("localhost:8500/v1", "must be HOST:PORT"),
        ("localhost:grpc", "must be HOST:PORT"),
        ("localhost:\uff18\uff15\uff10\uff10", "must be HOST:PORT"),
        ("me@localhost:8500", "must be HOST:PORT"),
        ("::1:8500", "must be HOST:PORT"),
        ([" "], "must be HOST:PORT"),
        ("localhost:99999", "the port of HOST:PORT must be from 1 to 65535, got 'localhost:99999'"),
        ("localhost:0", "port of HOST:PORT must be from 1 to 65535"),
        ("10.0.0.1:1,10.0.0.2:65536", "port of HOST:PORT must be from 1 to 65535, got '10.0.0.2:65536'"),
    ],
)
def test_addresses_that_are_none(address: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        Endpoint(address)


@pytest.mark.parametrize("address", [8500, None, [8500], b"localhost:8500"])
def test_an_address_that_is_no_text(address: Any) -> None:
    with pytest.raises(TypeError, match="address must be a text, HOST:PORT, or a list of such texts, got"):
        Endpoint(address)


def test_a_tls_file_must_be_there() -> None:
    with pytest.raises(FileNotFoundError):
        Client("localhost:1", tls=TlsFiles(root="no such file"))
