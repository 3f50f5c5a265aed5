"""Each setting that is less safe than the default is a line in the log."""

from __future__ import annotations

from typing import Any

import pytest
import trustme

from tfapp.core.connections import ConnectionLimits
from tfapp.server import ServerSettings
from tfapp.server.grpc.channel_options import channel_options
from tfapp.server.security_warnings import BATCHING_LIMITS, LIMITS, security_warnings
from tfapp.server.settings import BatchingSettings, TlsSettings


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
        ({"models_root": "/"}, []),
        ({"models_root": "/", "allow_reload": True}, ["--allow_reload", "--models_root /"]),
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


def test_each_limit_above_its_default_is_named_with_both() -> None:
    defaults = ServerSettings(rest_api_port=0)
    for name in LIMITS:
        limit = getattr(defaults, name)
        (line,) = security_warnings(ServerSettings.model_validate({"rest_api_port": 0, name: 2 * limit}))
        flag = name if name == "max_message_bytes" else f"--{name}"
        assert line.startswith(f"{flag} {2 * limit} (by default {limit}): ")
        assert security_warnings(ServerSettings.model_validate({"rest_api_port": 0, name: limit / 2})) == []


def test_limits_of_a_port_that_there_is_not_are_no_matter() -> None:
    assert security_warnings(ServerSettings(rest_api_keep_alive_seconds=1e9, rest_api_max_connections=1 << 30)) == []


def test_each_number_of_the_settings_limits_callers_or_is_none_of_theirs() -> None:
    """A new one is to be put into one of the lists."""
    fields = (*ServerSettings.model_fields.items(), *BatchingSettings.model_fields.items())
    numbers = {name for name, field in fields if field.annotation in (int, float)}
    connections = {"rest_api_max_connections", "rest_api_max_connections_per_address"}
    no_limits = {
        *("port", "file_system_poll_wait_seconds", "model_config_file_poll_wait_seconds", "max_num_load_retries"),
        *("load_retry_interval_micros", "drain_seconds", "batch_timeout_micros"),
    }
    assert numbers == {*LIMITS, *BATCHING_LIMITS, *connections, *no_limits}


def test_more_connections_than_there_are_descriptors_for_are_named() -> None:
    total = ConnectionLimits().total
    (line,) = security_warnings(ServerSettings(rest_api_port=0, rest_api_max_connections=total + 1))
    assert line.startswith(f"--rest_api_max_connections {total + 1} (by default {total}): ")
    few = {"rest_api_port": 0, "rest_api_max_connections": 8}
    (line,) = security_warnings(ServerSettings(**few, rest_api_max_connections_per_address=7))
    assert line.startswith("--rest_api_max_connections_per_address 7 (by default 6): ")
    assert security_warnings(ServerSettings(**few, rest_api_max_connections_per_address=6)) == []


def test_batches_without_bounds_are_named() -> None:
    for name in BATCHING_LIMITS:
        limit = getattr(BatchingSettings(), name)
        batching = BatchingSettings.model_validate({name: limit + 1})
        (line,) = security_warnings(ServerSettings(batching=batching))
        assert line.startswith(f"{name} in --batching_parameters_file {limit + 1} (by default {limit}): ")
    (line,) = security_warnings(ServerSettings(batching=None))
    assert line.startswith("--no-enable_batching: ")


def test_each_option_of_grpc_beyond_ours_is_named() -> None:
    for name, limit in channel_options(ServerSettings()).items():
        assert isinstance(limit, int)
        for value in (limit + 1, -1):
            (line,) = security_warnings(ServerSettings(grpc_channel_arguments={name: value}))
            assert line.startswith(f"--grpc_channel_arguments={name} {value} (by default {limit}): ")
    lower = {"grpc.max_receive_message_length": 4 << 20, "grpc.max_connection_age_ms": 1 << 40}
    assert security_warnings(ServerSettings(grpc_channel_arguments=lower)) == []


@pytest.mark.parametrize(
    ("name", "limit", "looser", "stricter"),
    [
        ("grpc.max_metadata_size", 8192, 8193, 4096),
        ("grpc.absolute_max_metadata_size", 16384, 104857600, 16384),
        ("grpc.keepalive_timeout_ms", 20000, 20001, 1000),
        ("grpc.keepalive_permit_without_calls", 0, 1, 0),
        ("grpc.http2.max_ping_strikes", 2, 0, 1),
        ("grpc.http2.max_ping_strikes", 2, 3, 2),
        ("grpc.http2.min_ping_interval_without_data_ms", 300000, 0, 300001),
    ],
)
def test_each_option_beyond_the_default_of_grpc_is_named(name: str, limit: int, looser: int, stricter: int) -> None:
    (line,) = security_warnings(ServerSettings(grpc_channel_arguments={name: looser}))
    assert line.startswith(f"--grpc_channel_arguments={name} {looser} (by default {limit}): ")
    assert security_warnings(ServerSettings(grpc_channel_arguments={name: stricter})) == []


def test_options_of_grpc_that_nothing_is_known_of_are_named() -> None:
    arguments = {"grpc.minimal_stack": 1, "grpc.max_receive_message_length": "all", "a": "b"}
    lines = security_warnings(ServerSettings(grpc_channel_arguments=arguments))
    assert [line.partition(":")[0] for line in lines] == [
        "--grpc_channel_arguments=grpc.minimal_stack 1",
        "--grpc_channel_arguments=grpc.max_receive_message_length all",
        "--grpc_channel_arguments=a b",
    ]
