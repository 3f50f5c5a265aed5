from __future__ import annotations

from pathlib import Path

import pytest
from tfapp_client import TlsFiles
from tfapp_client.secrets import read_secrets

_FILES = {"TFAPP_CLIENT_TLS_ROOT": "ca.pem", "TFAPP_CLIENT_TLS_KEY": "me.key", "TFAPP_CLIENT_TLS_CERTIFICATE": "me.pem"}


def test_nothing_is_plain_text_without_a_token() -> None:
    assert read_secrets(environment={}) == (None, None)
    assert read_secrets(TlsFiles(), environment={"TFAPP_CLIENT_TLS": "0", "TFAPP_CLIENT_TOKEN": ""}) == (None, None)


def test_the_environment_names_files_and_token() -> None:
    tls, token = read_secrets(environment=_FILES | {"TFAPP_CLIENT_TOKEN": "secret"})
    assert (tls, token) == (TlsFiles("ca.pem", "me.key", "me.pem"), "secret")


@pytest.mark.parametrize("environment", [{"TFAPP_CLIENT_TLS": "1"}, {}])
def test_encrypts_with_the_certificates_that_grpc_brings(environment: dict[str, str]) -> None:
    assert read_secrets(encrypt=not environment, environment=environment).tls == TlsFiles()


def test_what_is_given_goes_before(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("given\n")
    given = TlsFiles(server_name="models")
    secrets = read_secrets(given, token_file=file, environment=_FILES | {"TFAPP_CLIENT_TOKEN": "other"})
    assert secrets == (given, "given")


def test_half_of_mutual_tls_names_the_variables() -> None:
    with pytest.raises(ValueError, match="TFAPP_CLIENT_TLS_KEY and TFAPP_CLIENT_TLS_CERTIFICATE"):
        read_secrets(environment={"TFAPP_CLIENT_TLS_KEY": "me.key"})
