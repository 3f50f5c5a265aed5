"""The options of the gRPC port: its limits, which `--grpc_channel_arguments` may change."""

from __future__ import annotations

from typing import Final

from tfapp.core.connections import connection_budget, descriptor_limit
from tfapp.server.settings import ServerSettings

__all__ = ["channel_options", "connection_bound"]

_CONNECTIONS: Final = "grpc.max_allowed_incoming_connections"

# From a connection to the first frames of HTTP/2; gRPC's own default is two minutes.
_HANDSHAKE_MS: Final = 30_000
# Without a call. gRPC's clients close by themselves what they have not used for half an hour, and connect anew at the
# next call, so only others are closed: a GOAWAY from here would be a line in the log of clients in C++ and Python.
_IDLE_MS: Final = 35 * 60_000
# A caller that has gone without a word, in the midst of a call; gRPC's own default is two hours.
_KEEPALIVE_MS: Final = 5 * 60_000
# Calls that have come and that no thread has begun yet. Beyond, gRPC ends some at random, also those of callers who are
# no part of the crowd; its own default is a thousand.
_MOST_UNBEGUN: Final = 1 << 14
# Calls that one connection has open, beside those that all may have in work; further ones wait in the client.
_LEAST_STREAMS: Final = 1024


def channel_options(settings: ServerSettings) -> dict[str, int | str]:
    """Returns the options that follow from a server's settings, before `grpc_channel_arguments` change any."""
    return {
        # gRPC lets a second server share a port that is taken, and with it the calls.
        "grpc.so_reuseport": 0,
        # Silent connections must not use up the process's descriptors, which REST and the loading of models need, too.
        _CONNECTIONS: connection_budget(1 if settings.rest_api_port is None else 2),
        "grpc.server_handshake_timeout_ms": _HANDSHAKE_MS,
        "grpc.max_connection_idle_ms": _IDLE_MS,
        "grpc.keepalive_time_ms": _KEEPALIVE_MS,
        "grpc.max_concurrent_streams": max(_LEAST_STREAMS, 4 * settings.grpc_max_threads),
        "grpc.server.max_pending_requests": _MOST_UNBEGUN,
        "grpc.server.max_pending_requests_hard_limit": 2 * _MOST_UNBEGUN,
        "grpc.max_receive_message_length": settings.max_message_bytes,
        "grpc.max_send_message_length": settings.max_message_bytes,
    }


def connection_bound(settings: ServerSettings) -> str:
    """Returns a line for the log: how many connections there may be, and what says so; gRPC tells nobody of it."""
    flag = f"--grpc_channel_arguments={_CONNECTIONS}"
    if (number := settings.grpc_channel_arguments.get(_CONNECTIONS)) is not None:
        return f"at most {number} gRPC connections ({flag}); further ones are closed"
    number = channel_options(settings)[_CONNECTIONS]
    return (
        f"at most {number} gRPC connections, by {descriptor_limit()}; further ones are closed ({flag}=N sets another)"
    )
