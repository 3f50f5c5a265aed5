from __future__ import annotations

from pathlib import Path

import pytest
from tfapp_client import TlsFiles
from tfapp_client.secrets import Secrets, read_secrets

FILES = {"TFAPP_CLIENT_TLS_ROOT": "ca.pem", "TFAPP_CLIENT_TLS_KEY": "me.key", "TFAPP_CLIENT_TLS_CERTIFICATE": "me.pem"}


def test_nothing_is_plain_text_without_a_token() -> None:
    assert read_secrets(environment={}) == Secrets()
    assert read_secrets(environment={"TFAPP_CLIENT_TLS": "", "TFAPP_CLIENT_TOKEN": ""}) == Secrets()


def test_the_environment_names_files_and_token() -> None:
    secrets = read_secrets(environment=FILES | {"TFAPP_CLIENT_TOKEN": "secret"})
    assert secrets == Secrets(TlsFiles("ca.pem", "me.key", "me.pem"), "secret")
    assert "secret" not in repr(secrets)


@pytest.mark.parametrize("environment", [{"TFAPP_CLIENT_TLS": "1"}, {}])
def test_encrypts_with_the_certificates_that_grpc_brings(environment: dict[str, str]) -> None:
    assert read_secrets(encrypt=not environment, environment=environment).tls == TlsFiles()


def test_files_of_the_environment_can_be_left_alone() -> None:
    off = FILES | {"TFAPP_CLIENT_TLS": "0"}
    assert read_secrets(environment=off) == Secrets()
    assert read_secrets(TlsFiles(root="own.pem"), environment=off).tls == TlsFiles(root="own.pem")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (TlsFiles(server_name="models"), TlsFiles("ca.pem", "me.key", "me.pem", "models")),
        (TlsFiles(root="own.pem"), TlsFiles("own.pem", "me.key", "me.pem")),
        (TlsFiles(key="own.key", certificate="own.pem"), TlsFiles("ca.pem", "own.key", "own.pem")),
    ],
)
def test_the_environment_has_what_is_not_given(files: TlsFiles, expected: TlsFiles) -> None:
    assert read_secrets(files, environment=FILES).tls == expected


def test_a_token_that_is_given_goes_before(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("given\n")
    assert read_secrets(token_file=file, environment={"TFAPP_CLIENT_TOKEN": "other"}).token == "given"


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("TFAPP_CLIENT_TLS_KEY", "TFAPP_CLIENT_TLS_KEY and TFAPP_CLIENT_TLS_CERTIFICATE; set both or neither"),
        ("TFAPP_CLIENT_TLS_CERTIFICATE", "set both or neither"),
        ("TFAPP_CLIENT_TLS", "TFAPP_CLIENT_TLS is me.key; it must be 1, to encrypt, or 0"),
    ],
)
def test_what_does_not_go_together_names_the_variables(variable: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_secrets(environment={variable: "me.key"})
