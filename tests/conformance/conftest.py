"""The servers that the suite tests, and what it skips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import trustme

from tests.conformance import servers
from tests.conformance.capabilities import skip_reason
from tests.conformance.suite import Suite, TestedServer


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    without: frozenset[str] = config.getoption("without")
    if not config.getoption("server_command").names("rest_port") and "rest" not in without:
        raise pytest.UsageError("--server-command has no {rest_port}; say --without rest,metrics if there is none")
    for item in items:
        reason = skip_reason([name for mark in item.iter_markers("needs") for name in mark.args], without)
        if reason is not None:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def suite(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Suite:
    command, without = pytestconfig.getoption("server_command"), pytestconfig.getoption("without")
    return Suite(command, without, tmp_path_factory.mktemp("conformance"))


@pytest.fixture(scope="session")
def main(suite: Suite) -> Iterator[TestedServer]:
    """A server whose models no test takes away."""
    with servers.main_server(suite).running() as server:
        yield server


@pytest.fixture(scope="session")
def changeable_server(suite: Suite) -> Iterator[TestedServer]:
    """A server whose folders and configuration tests change; use `reset_server`."""
    with servers.changing_server(suite).running() as server:
        yield server


@pytest.fixture
def reset_server(changeable_server: TestedServer, suite: Suite) -> TestedServer:
    """A server that a test may change, with its first configuration."""
    if "reload" not in suite.without:
        changeable_server.calls.reload(*changeable_server.base)
    return changeable_server


@pytest.fixture
def scratch(suite: Suite) -> Path:
    """A folder in which the servers can read and write."""
    return suite.scratch()


@pytest.fixture
def gate(scratch: Path) -> Iterator[Path]:
    """A file that a request may wait for; it is made at the latest when the test ends, so that no server is held."""
    file = scratch / "gate"
    yield file
    file.touch()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """The authority that signs certificates of servers and clients."""
    return trustme.CA()


@pytest.fixture(scope="session")
def tls_credentials(authority: trustme.CA) -> grpc.ChannelCredentials:
    """Credentials of a client without a certificate."""
    return grpc.ssl_channel_credentials(authority.cert_pem.bytes())


@pytest.fixture(scope="session")
def tls(suite: Suite, authority: trustme.CA) -> Iterator[TestedServer]:
    """A server that encrypts and asks for certificates, merges no requests and reads its configuration again."""
    credentials = servers.client_credentials(authority, authority)
    with servers.tls_server(suite, authority).running(credentials) as server:
        yield server


@pytest.fixture(scope="session")
def batching_server(suite: Suite, authority: trustme.CA) -> Iterator[servers.BatchingServer]:
    """A server that merges requests, in one thread, and asks its clients for certificates."""
    with servers.batching_server(suite, authority) as server:
        yield server
