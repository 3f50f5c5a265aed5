"""Encryption."""

from __future__ import annotations

import grpc
import pytest
import trustme

from tests.conformance.calls import refused
from tests.conformance.servers import BatchingServer, client_credentials
from tests.conformance.suite import TestedServer

pytestmark = pytest.mark.needs("tls")


def _upper(server: TestedServer, model: str, credentials: grpc.ChannelCredentials | None) -> list[bytes]:
    return server.connect(credentials).outputs(model, {"text": ["a"]})["upper"]


def test_tls(batching_server: BatchingServer, tls_credentials: grpc.ChannelCredentials) -> None:
    assert _upper(batching_server.tested, "once", tls_credentials) == [b"A"]
    for credentials in (None, grpc.ssl_channel_credentials(trustme.CA().cert_pem.bytes())):
        with refused("UNAVAILABLE"):
            _upper(batching_server.tested, "once", credentials)


def test_mutual_tls(tls: TestedServer, authority: trustme.CA, tls_credentials: grpc.ChannelCredentials) -> None:
    assert _upper(tls, "words", client_credentials(authority, authority)) == [b"A"]
    for credentials in (None, tls_credentials, client_credentials(authority, trustme.CA())):
        with refused("UNAVAILABLE"):
            _upper(tls, "words", credentials)
