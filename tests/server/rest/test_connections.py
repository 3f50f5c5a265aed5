"""The REST port's limits, which are flags, and both ports beside many silent callers."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPSConnection
from pathlib import Path

import grpc
import pytest
import trustme
from pydantic import ValidationError
from tfapp_client import Client

from tests.conformance.rest import ask
from tests.processes import start
from tests.served_models import write_numbers
from tests.server.echo import Echo, serving_echo
from tfapp.server import ServerSettings
from tfapp.server.settings import TlsSettings

_SILENT = 400


def _tls(authority: trustme.CA, *, verify: bool = False) -> TlsSettings:
    certificate = authority.issue_cert("localhost")
    return TlsSettings(
        server_key=certificate.private_key_pem.bytes().decode(),
        server_cert=certificate.cert_chain_pems[0].bytes().decode(),
        custom_ca=authority.cert_pem.bytes().decode() if verify else "",
        client_verify=verify,
    )


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def test_the_flags_reach_the_port(tmp_path: Path) -> None:
    with serving_echo(tmp_path, Echo(), rest_api_port=0, rest_api_max_header_bytes=2048) as server:
        assert server.rest_port
        answer = ask(server.rest_port, "GET", "/v1/models/echo", headers={"X-Large": "a" * 4096})
        assert (answer.status, answer.json()) == (
            431,
            {"error": "the header has 2048 bytes or more (--rest_api_max_header_bytes)"},
        )
        assert ask(server.rest_port, "GET", "/v1/models/echo").status == 200


def test_rest_by_tls(tmp_path: Path, authority: trustme.CA) -> None:
    trust = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    with serving_echo(tmp_path, Echo(), rest_api_port=0, rest_tls=True, tls=_tls(authority)) as server:
        assert _status(server.rest_port, trust) == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            _status(server.rest_port, ssl.create_default_context())


def test_rest_asks_for_certificates_as_grpc_does(tmp_path: Path, authority: trustme.CA) -> None:
    trust = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    with serving_echo(tmp_path, Echo(), rest_api_port=0, rest_tls=True, tls=_tls(authority, verify=True)) as server:
        with pytest.raises(OSError, match=r"certificate required|reset|EOF|closed"):
            _status(server.rest_port, trust)
        trustme.CA().issue_cert("someone").configure_cert(trust)
        with pytest.raises(OSError, match=r"unknown ca|reset|EOF|closed"):
            _status(server.rest_port, trust)
        authority.issue_cert("someone").configure_cert(trust)
        assert _status(server.rest_port, trust) == 200


def _status(port: int | None, context: ssl.SSLContext) -> int:
    connection = HTTPSConnection("localhost", port, context=context, timeout=30)
    try:
        connection.request("GET", "/v1/models/echo")
        return connection.getresponse().status
    finally:
        connection.close()


def test_client_verify_and_rest_in_the_clear_are_refused(authority: trustme.CA) -> None:
    with pytest.raises(ValidationError, match="REST would answer anybody in plain text; give --rest_tls"):
        ServerSettings(rest_api_port=0, tls=_tls(authority, verify=True))
    ServerSettings(tls=_tls(authority, verify=True))
    ServerSettings(rest_api_port=0, tls=_tls(authority))
    for settings in ({"rest_api_port": 0}, {"tls": _tls(authority)}):
        with pytest.raises(ValidationError, match="rest_tls needs a REST port"):
            ServerSettings(rest_tls=True, **settings)


@pytest.fixture
def few_files(tmp_path: Path) -> Iterator[tuple[int, int, list[str]]]:
    """The ports of a server that may have 256 files open, and what it logs."""
    write_numbers(tmp_path / "models", 1)
    ports = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as free:
            ports.append(free.getsockname()[1])
    flags = [f"--port={ports[0]}", f"--rest_api_port={ports[1]}"]
    script = tmp_path / "few.sh"
    script.write_text('ulimit -n 256 && exec "$@"\n')
    process = start("serve", tmp_path / "models", *flags, through=("bash", str(script)))
    log: list[str] = []
    assert process.stdout is not None
    assert process.stderr is not None
    reader = threading.Thread(target=lambda: log.extend(process.stderr))
    reader.start()
    try:
        assert any("serving on" in line for line in process.stdout), log
        yield ports[0], ports[1], log
    finally:
        process.kill()
        process.communicate()
        reader.join()


@pytest.mark.slow
def test_silent_callers_stop_neither_port(few_files: tuple[int, int, list[str]]) -> None:
    port, rest_port, log = few_files
    with ExitStack() as stack:
        for target in (rest_port, port):
            for _ in range(_SILENT):
                stack.enter_context(socket.create_connection(("127.0.0.1", target), timeout=30))
            assert ask(rest_port, "POST", "/v1/models/numbers:predict", {"inputs": [1]}).status == 200
            if target == rest_port:
                with Client(f"127.0.0.1:{port}") as client:
                    assert client.predict("numbers", {"x": [1.0]})["y"].tolist() == [1.5]
    # Those of gRPC have gone.
    grpc.channel_ready_future(grpc.insecure_channel(f"127.0.0.1:{port}")).result(60)
    assert len("".join(log)) < 10_000, log
