from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
import trustme

from tests.client.bare_server import BareServer
from tfapp.apps.shared.application_models import ApplicationModels
from tfapp.apps.support.service import Support
from tfapp.core.remote_server import RemoteServer
from tfapp.errors import SettingsError


@pytest.fixture
def tls_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BareServer]:
    """A server behind TLS, whose root certificate and whose callers' token are in the environment."""
    authority = trustme.CA()
    root = tmp_path / "root.pem"
    authority.cert_pem.write_to_path(root)
    certificate = authority.issue_cert("127.0.0.1")
    pair = (certificate.private_key_pem.bytes(), certificate.cert_chain_pems[0].bytes())
    monkeypatch.setenv("TFAPP_CLIENT_TLS_ROOT", str(root))
    monkeypatch.setenv("TFAPP_CLIENT_TOKEN", "secret")
    with BareServer(credentials=grpc.ssl_server_credentials([pair])) as server:
        yield server


def test_calls_with_what_the_environment_has(tls_server: BareServer) -> None:
    with RemoteServer.at(tls_server.address).client() as client:
        assert client.predict("m", {"x": np.float32([2.0])})["y"].tolist() == [4.0]
    assert tls_server.metadata[-1]["authorization"] == "Bearer secret"


def test_an_application_reaches_a_secured_server(tls_server: BareServer, tmp_path: Path) -> None:
    with Support.open(tmp_path / "support", server=tls_server.address).models.client() as client:
        assert client.predict("m", {"x": np.float32([2.0])})["y"].tolist() == [4.0]
    models = ApplicationModels(tmp_path, RemoteServer.at(tls_server.address))
    assert (models.has("m"), models.where) == (True, tls_server.address)
    assert "secret" not in repr(models)


def test_a_server_in_plain_text_gets_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFAPP_CLIENT_TOKEN", "secret")
    with pytest.raises(SettingsError, match="models:8500 cannot be called: the token in TFAPP_CLIENT_TOKEN would"):
        RemoteServer.at("models:8500")


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("TFAPP_CLIENT_TLS_KEY", "me.key", "set both or neither"),
        ("TFAPP_CLIENT_TLS_ROOT", "missing.pem", "No such file or directory: 'missing.pem'"),
    ],
)
def test_wrong_certificates_are_told_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=f"models:8500 cannot be called: .*{message}"):
        RemoteServer.at("models:8500")
    with pytest.raises(SettingsError, match=message):
        Support.open(tmp_path / "support", server="models:8500")
    assert not (tmp_path / "support").exists()
