"""The connection to the servers: addresses, encryption, the caller's token, gRPC's options."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import grpc

from tfapp_client.retries import Retries
from tfapp_client.version import __version__

__all__ = ["PROBE_SERVICE", "ConnectionSettings", "Endpoint", "TlsFiles", "Token"]

# A service that no server has: a call of it, which neither waits nor is tried again, says why there is no connection.
PROBE_SERVICE: Final = "tfapp_client.Probe"

# A token, or what gives the one that is valid now.
Token: TypeAlias = str | Callable[[], str]

# What gRPC resolves by itself (grpc/doc/naming.md); other addresses are HOST:PORT.
_RESOLVERS: Final = ("dns:", "unix:", "unix-abstract:", "vsock:", "ipv4:", "ipv6:", "xds:")
_HOST_PORT: Final = re.compile(r"(\[[^\[\]\s]+\]|[^:/@\[\]\s]+):(?P<port>[0-9]{1,5})")
_LARGEST_PORT: Final = 65_535
# Longer than any server nearby takes, and little beside the retries that came before.
_HTTP_SECONDS: Final = 0.5


@dataclass(frozen=True)
class TlsFiles:
    """PEM files for an encrypted connection.

    Attributes:
        root: Certificates that the server's is checked against; None: those that gRPC brings.
        key: The client's private key, for a server that asks for one (mutual TLS).
        certificate: The client's certificate chain, with `key`.
        server_name: The name to expect in the server's certificate, where it differs from the address.
    """

    root: Path | str | None = None
    key: Path | str | None = None
    certificate: Path | str | None = None
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.key is None) != (self.certificate is None):
            raise ValueError("mutual TLS needs both key and certificate; give both or neither")

    def credentials(self) -> Any:
        """Reads the files into credentials of a channel.

        Raises:
            OSError: One of them cannot be read.
        """
        root, key, chain = (Path(f).read_bytes() if f else None for f in (self.root, self.key, self.certificate))
        return grpc.ssl_channel_credentials(root, key, chain)


@dataclass(frozen=True)
class ConnectionSettings:
    """Settings of a connection.

    Attributes:
        retries: How a request is tried again.
        wait_for_ready: A call to a server that cannot be reached waits for it until the deadline, instead of failing
            when its retries are used up.
        gzip: Compresses requests.
        allow_plain_token: Sends the token over a connection that is not encrypted.
        keepalive_seconds: Seconds between two checks that a silent connection is alive, while calls are waiting; 0:
            none. TensorFlow Serving hangs up on callers that ask much more often than every 5 minutes without sending
            anything else, so keep a call's timeout under three times this.
        keepalive_timeout_seconds: How long such a check may take before the connection counts as broken.
        max_message_bytes: Largest request and answer.
    """

    retries: Retries = field(default_factory=Retries)
    wait_for_ready: bool = False
    gzip: bool = False
    allow_plain_token: bool = False
    keepalive_seconds: float = 60.0
    keepalive_timeout_seconds: float = 10.0
    max_message_bytes: int = 256 << 20

    def options(self) -> list[tuple[str, Any]]:
        """Returns the options of a gRPC channel (grpc/impl/channel_arg_names.h)."""
        keepalive_options = [
            ("grpc.keepalive_time_ms", round(self.keepalive_seconds * 1000)),
            ("grpc.keepalive_timeout_ms", round(self.keepalive_timeout_seconds * 1000)),
        ]
        return [
            ("grpc.service_config", self._service_config()),
            ("grpc.enable_retries", 1),
            # What outgrows this buffer is not tried again; it holds no copy.
            ("grpc.per_rpc_retry_buffer_size", self.max_message_bytes),
            ("grpc.max_receive_message_length", self.max_message_bytes),
            ("grpc.max_send_message_length", self.max_message_bytes),
            ("grpc.primary_user_agent", f"tfapp-client/{__version__}"),
            # gRPC's own figures leave a server that came back unnoticed for up to two minutes.
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.min_reconnect_backoff_ms", 5000),
            ("grpc.max_reconnect_backoff_ms", 2000),
            ("grpc.dns_min_time_between_resolutions_ms", 2000),
            *(keepalive_options if self.keepalive_seconds else []),
        ]

    def _service_config(self) -> str:
        every_call = {"name": [{}], "waitForReady": self.wait_for_ready, **self.retries.policy()}
        probe = {"name": [{"service": PROBE_SERVICE}]}
        return json.dumps({"loadBalancingConfig": [{"round_robin": {}}], "methodConfig": [every_call, probe]})


class Endpoint:
    """The address of interchangeable servers, and the credentials for them.

    Args:
        address: "HOST:PORT", "unix:PATH", or another address that gRPC resolves. Requests take turns among all
            addresses of a DNS name. Several addresses, in a list or separated by commas, must be IP addresses.
        tls: Encrypts the connection; None: plain text.
        token: Sent with each call as "authorization: Bearer TOKEN".
        settings: Further settings of the connection.

    Raises:
        ValueError: The addresses do not go together, or the token would travel in plain text.
        OSError: A TLS file cannot be read.
    """

    def __init__(
        self,
        address: str | Sequence[str],
        *,
        tls: TlsFiles | None = None,
        token: Token | None = None,
        settings: ConnectionSettings | None = None,
    ) -> None:
        self.settings = settings or ConnectionSettings()
        if token is not None and tls is None and not self.settings.allow_plain_token:
            raise ValueError(
                "a token would travel in plain text, for anyone on the way to read; give tls=TlsFiles(...), or "
                "ConnectionSettings(allow_plain_token=True) if the network is trusted"
            )
        self.target = _target(address)
        self._options = self.settings.options()
        if tls is not None and tls.server_name:
            self._options.append(("grpc.ssl_target_name_override", tls.server_name))
        self._plain_token = token if tls is None else None
        self._credentials = None if tls is None else _credentials(tls, token)

    def open(self, library: Any) -> Any:
        """Opens a channel with `grpc` or `grpc.aio`."""
        compression = grpc.Compression.Gzip if self.settings.gzip else None
        if self._credentials is None:
            return library.insecure_channel(self.target, options=self._options, compression=compression)
        return library.secure_channel(self.target, self._credentials, options=self._options, compression=compression)

    def speaks_http(self) -> bool:
        """Returns whether the address answers in HTTP/1, as a REST port does; False where that cannot be found out.

        Of a name with several addresses, gRPC may report the last one alone, at which nothing listens.
        """
        match = _HOST_PORT.fullmatch(self.target)
        if match is None or self._credentials is not None:
            return False
        host, port = self.target.rpartition(":")[0].strip("[]"), int(match["port"])
        try:
            with socket.create_connection((host, port), timeout=_HTTP_SECONDS) as connection:
                connection.settimeout(_HTTP_SECONDS)
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                return connection.recv(5) == b"HTTP/"
        except OSError:
            return False

    def metadata(self) -> tuple[tuple[str, str], ...] | None:
        """Returns the metadata of a call, apart from that of the channel's credentials."""
        return None if self._plain_token is None else (_authorization(self._plain_token),)


def _credentials(tls: TlsFiles, token: Token | None) -> Any:
    channel = tls.credentials()
    if token is None:
        return channel

    def add_token(_context: Any, callback: Callable[[Any, Exception | None], None]) -> None:
        callback((_authorization(token),), None)

    return grpc.composite_channel_credentials(channel, grpc.metadata_call_credentials(add_token))


def _authorization(token: Token) -> tuple[str, str]:
    return "authorization", f"Bearer {token if isinstance(token, str) else token()}"


def _target(address: str | Sequence[str]) -> str:
    """Writes addresses as gRPC's name resolvers read them."""
    if isinstance(address, str):
        parts = [address] if address.startswith(_RESOLVERS) else address.split(",")
    elif isinstance(address, Sequence) and all(isinstance(part, str) for part in address):
        parts = list(address)
    else:
        raise TypeError(f"address must be a text, HOST:PORT, or a list of such texts, got {address!r}")
    parts = [part.strip() for part in parts]
    if len(parts) > 1 and all(parts):
        versions = {_ip_version(part) for part in parts}
        if len(versions) > 1:
            raise ValueError(f"several addresses must be all IPv4 or all IPv6, got {', '.join(parts)}")
        for part in parts:
            _check_port(part.rpartition(":")[2], part)
        return f"ipv{versions.pop()}:{','.join(parts)}"
    if len(parts) == 1 and parts[0].startswith(_RESOLVERS):
        return parts[0]
    match = _HOST_PORT.fullmatch(parts[0]) if len(parts) == 1 else None
    if match is None:
        raise ValueError(f"address must be HOST:PORT of the gRPC port, such as localhost:8500, got {address!r}")
    _check_port(match["port"], address)
    return parts[0]


def _check_port(port: str, address: str | Sequence[str]) -> None:
    if not 1 <= int(port) <= _LARGEST_PORT:
        raise ValueError(f"the port of HOST:PORT must be from 1 to {_LARGEST_PORT}, got {address!r}")


def _ip_version(address: str) -> int:
    import ipaddress

    host, _, port = address.rpartition(":")
    with contextlib.suppress(ValueError):
        if port.isascii() and port.isdecimal():
            return ipaddress.ip_address(host.strip("[]")).version
    raise ValueError(
        f"several addresses must be IP:PORT each, got {address!r}; write the IP address, or give one DNS name that "
        "stands for all of them"
    )
