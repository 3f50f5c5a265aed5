"""Each setting that is less safe than the default is a line in the log."""

from __future__ import annotations

from typing import Any

import pytest
import trustme

from tfapp.server import ServerSettings
from tfapp.server.security_warnings import security_warnings
from tfapp.server.settings import TlsSettings


@pytest.fixture(scope="module")
def tls() -> dict[str, str]:
    authority = trustme.CA()
    issued_certificate = authority.issue_cert("localhost")
    key, certificate = (
        issued_certificate.private_key_pem.bytes().decode(),
        issued_certificate.cert_chain_pems[0].bytes().decode(),
    )
    return {"server_key": key, "server_cert": certificate, "custom_ca": authority.cert_pem.bytes().decode()}


def test_the_defaults_are_the_safe_ones(tls: dict[str, str]) -> None:
    assert security_warnings(ServerSettings(rest_api_port=0)) == []
    assert security_warnings(ServerSettings(rest_api_port=0, host="::1")) == []
    assert security_warnings(ServerSettings(tls=TlsSettings(**tls))) == []


@pytest.mark.parametrize(
    ("settings", "flags"),
    [
        ({"host": "0.0.0.0"}, ["--host 0.0.0.0", "no --ssl_config_file"]),
        ({"host": "some.name", "tls": {}}, ["--host some.name", "--ssl_config_file without client_verify"]),
        ({"host": "::", "tls": {"client_verify": True}}, ["--host ::", "--ssl_config_file with client_verify"]),
        (
            {"rest_api_port": 0, "tls": {"client_verify": True}, "rest_tls": True},
            ["--ssl_config_file with client_verify"],
        ),
        ({"allow_reload": True}, ["--allow_reload"]),
        # Nobody without a certificate gets that far.
        ({"allow_reload": True, "tls": {"client_verify": True}}, ["--ssl_config_file with client_verify"]),
        ({"allow_unsafe_ops": True}, ["--allow_unsafe_ops"]),
        ({"rest_api_port": 0, "tls": {}}, ["no --rest_tls"]),
        ({"rest_api_port": 0, "rest_api_enable_cors_support": True}, ["--rest_api_enable_cors_support"]),
    ],
)
def test_each_loosening_is_named(settings: dict[str, Any], flags: list[str], tls: dict[str, str]) -> None:
    if "tls" in settings:
        settings = {**settings, "tls": TlsSettings(**tls, **settings["tls"])}
    assert [line.partition(":")[0] for line in security_warnings(ServerSettings(**settings))] == [
        flag.partition(":")[0] for flag in flags
    ]
