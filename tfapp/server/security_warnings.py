"""Warnings for the log at a server's start about settings that are less safe than the defaults."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any, Final

from tfapp.core.connections import ConnectionLimits
from tfapp.core.ports import is_loopback
from tfapp.server.grpc.channel_options import channel_options
from tfapp.server.settings import BatchingSettings, ServerSettings

__all__ = ["BATCHING_LIMITS", "LIMITS", "security_warnings"]

LIMITS: Final = MappingProxyType(
    {
        "max_request_rows": "one request may take more time and memory",
        "max_message_bytes": "one request may take more time and memory",
        "max_pending_answer_bytes": "callers who do not read their answers hold more memory",
        "grpc_max_threads": "more requests may be in work, and hold memory, at the same time",
        "grpc_message_timeout_seconds": "callers who send or read slowly over gRPC hold memory for longer",
        "rest_api_num_threads": "more REST requests may be in work, and hold memory, at the same time",
        "rest_api_timeout_in_ms": "a REST request may keep the models busy for longer",
        "rest_api_header_timeout_seconds": "silent callers hold REST connections for longer",
        "rest_api_body_timeout_seconds": "callers who send or read slowly hold REST connections for longer",
        "rest_api_keep_alive_seconds": "callers who send nothing more hold REST connections for longer",
        "rest_api_max_header_bytes": "the header of a REST request may take more memory",
        "rest_api_max_pending_bytes": "the bodies of REST requests may take more memory together",
    }
)
"""What callers can do more of where a setting is above its default."""
# What only programs set.
_NO_FLAGS: Final = ("max_message_bytes",)
BATCHING_LIMITS: Final = MappingProxyType(
    {
        "max_batch_size": "a batch may have more rows, and runs to its end though its callers have gone",
        "max_enqueued_batches": "more requests may wait, and hold memory",
        "num_batch_threads": "more batches may run, and hold memory and cores, at the same time",
    }
)
"""The same of the settings of batching."""
# Zero strikes are no limit, and a shorter interval allows more.
_PING_STRIKES: Final = "grpc.http2.max_ping_strikes"
_PING_INTERVAL: Final = "grpc.http2.min_ping_interval_without_data_ms"
_CHANNEL_LIMITS: Final = MappingProxyType(
    {
        "grpc.so_reuseport": "another process of this user may listen on the port, too, and take calls",
        "grpc.max_allowed_incoming_connections": "gRPC connections may use up the descriptors that all else needs",
        "grpc.server_handshake_timeout_ms": "silent callers hold gRPC connections for longer",
        "grpc.max_connection_idle_ms": "callers without calls hold gRPC connections for longer",
        "grpc.keepalive_time_ms": "callers who have gone without a word hold gRPC connections for longer",
        "grpc.max_concurrent_streams": "one connection may have more calls open",
        "grpc.server.max_pending_requests": "more calls may wait, and hold memory",
        "grpc.server.max_pending_requests_hard_limit": "more calls may wait, and hold memory",
        "grpc.max_receive_message_length": "one request may take more memory",
        "grpc.max_send_message_length": "one answer may take more memory",
        "grpc.max_metadata_size": "the metadata of one call may take more memory",
        "grpc.absolute_max_metadata_size": "the metadata of one call may take more memory",
        "grpc.keepalive_timeout_ms": "callers who have gone without a word hold gRPC connections for longer",
        "grpc.keepalive_permit_without_calls": "callers without calls may send more pings",
        _PING_STRIKES: "callers may send more pings",
        _PING_INTERVAL: "callers without calls may send more pings",
    }
)
# gRPC's own defaults of what tfapp does not set (its metadata_info.h, ping_abuse_policy.cc and chttp2_transport.cc).
_GRPC_DEFAULTS: Final = MappingProxyType(
    {
        "grpc.max_metadata_size": 8 << 10,
        "grpc.absolute_max_metadata_size": 16 << 10,
        "grpc.keepalive_timeout_ms": 20_000,
        "grpc.keepalive_permit_without_calls": 0,
        _PING_STRIKES: 2,
        _PING_INTERVAL: 300_000,
    }
)
# By default a connection has no end; any value is one.
_HARMLESS: Final = ("grpc.max_connection_age_ms", "grpc.max_connection_age_grace_ms")


def security_warnings(settings: ServerSettings) -> list[str]:
    """Returns a line for each setting that lets more people in, or lets them see or take more, than the defaults do."""
    return [
        *_reach(settings),
        *_permissions(settings),
        *_limits(settings),
        *_connection_limits(settings),
        *_batching_limits(settings.batching),
        *_channel_limits(settings),
    ]


def _reach(settings: ServerSettings) -> Iterator[str]:
    """Yields lines about who reaches the ports, and who can read what passes there."""
    elsewhere = not is_loopback(settings.host)
    has_rest = settings.rest_api_port is not None
    if elsewhere:
        yield f"--host {settings.host}: other machines can call the models"
    if elsewhere and settings.tls is None:
        yield "no --ssl_config_file: texts and answers travel in plain text, and callers are not asked who they are"
    if elsewhere and settings.tls is not None and not settings.tls.client_verify:
        yield "--ssl_config_file without client_verify: whoever reaches the port may call the models"
    if settings.tls is not None and has_rest and not settings.rest_tls:
        yield "no --rest_tls: gRPC is encrypted, REST is plain text"
    if has_rest and settings.rest_api_enable_cors_support:
        yield "--rest_api_enable_cors_support: pages of any site may call REST from their readers' browsers"


def _permissions(settings: ServerSettings) -> Iterator[str]:
    """Yields lines about what callers and models may do."""
    is_mutual = settings.tls is not None and settings.tls.client_verify
    if is_mutual:
        yield (
            "--ssl_config_file with client_verify: whoever has a certificate of custom_ca may change which models are "
            "served (HandleReloadConfigRequest)"
        )
    elif settings.allow_reload:
        yield "--allow_reload: whoever reaches the gRPC port may change which models are served"
    if settings.models_root is not None and (is_mutual or settings.allow_reload):
        yield f"--models_root {settings.models_root}: they may have any model below it served"
    if settings.allow_unsafe_ops:
        yield "--allow_unsafe_ops: models may touch files, processes and the network"


def _limits(settings: ServerSettings) -> Iterator[str]:
    """Yields lines about limits above their defaults."""
    for name, meaning in LIMITS.items():
        value, default = getattr(settings, name), ServerSettings.model_fields[name].default
        is_used = settings.rest_api_port is not None or not name.startswith("rest_")
        if value > default and is_used:
            yield _line(name if name in _NO_FLAGS else f"--{name}", value, default, meaning)


def _connection_limits(settings: ServerSettings) -> Iterator[str]:
    """Yields lines about limits of REST connections, whose defaults follow from the limit of open files."""
    if settings.rest_api_port is None:
        return
    total, by_address = settings.rest_api_max_connections, settings.rest_api_max_connections_per_address
    default = ConnectionLimits().total
    if total > default:
        meaning = "REST connections may use up the descriptors that all else needs"
        yield _line("--rest_api_max_connections", total, default, meaning)
    default = ConnectionLimits(connections=total).by_address
    if by_address > default:
        meaning = "one address may have more of all REST connections"
        yield _line("--rest_api_max_connections_per_address", by_address, default, meaning)


def _batching_limits(batching: BatchingSettings | None) -> Iterator[str]:
    """Yields lines about limits of batching, which its file has."""
    if batching is None:
        yield "--no-enable_batching: large requests are not divided, and hold threads; callers take no turns"
        return
    defaults = BatchingSettings()
    for name, meaning in BATCHING_LIMITS.items():
        value, default = getattr(batching, name), getattr(defaults, name)
        if value > default:
            yield _line(f"{name} in --batching_parameters_file", value, default, meaning)


def _channel_limits(settings: ServerSettings) -> Iterator[str]:
    """Yields lines about options of gRPC that allow more than by default, or that nothing is known of here."""
    defaults: dict[str, Any] = {**channel_options(settings), **_GRPC_DEFAULTS}
    for name, value in settings.grpc_channel_arguments.items():
        flag, meaning = f"--grpc_channel_arguments={name}", _CHANNEL_LIMITS.get(name)
        if meaning is None:
            if name not in _HARMLESS:
                yield f"{flag} {value}: an option that tfapp does not set; callers may be able to do more"
        elif not isinstance(value, int):
            yield f"{flag} {value}: no number, so gRPC may have no limit here: {meaning}"
        elif _allows_more(name, value, defaults[name]):
            yield _line(flag, value, defaults[name], meaning)


def _allows_more(name: str, value: int, default: int) -> bool:
    """Returns whether an option's value allows callers more than its default; below zero it is no limit."""
    if name == _PING_INTERVAL:
        return value < default
    return value > default or value < 0 or (name == _PING_STRIKES and value == 0)


def _line(name: str, value: float, default: float, meaning: str) -> str:
    return f"{name} {value} (by default {default}): {meaning}"
