"""How a client reaches its servers: addresses, encryption, a caller's token, retries."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import grpc

from tfapp_client.version import __version__

__all__ = ["PROBE_SERVICE", "ConnectionSettings", "Endpoint", "Retries", "TlsFiles", "Token"]

# A service that no server has: a call of it, which neither waits nor is tried again, says why there is no connection.
PROBE_SERVICE: Final = "tfapp_client.Probe"

# A token, or what gives the one that is valid now.
Token: TypeAlias = str | Callable[[], str]

# gRPC takes more attempts for 5 (proposal A6, "gRPC Retry Design").
_MOST_ATTEMPTS: Final = 5
_RENAMED: Final = {"first_pause": "initial_backoff", "longest_pause": "max_backoff", "factor": "multiplier"}

# What gRPC resolves by itself (grpc/doc/naming.md); other addresses are HOST:PORT.
_RESOLVERS: Final = ("dns:", "unix:", "unix-abstract:", "vsock:", "ipv4:", "ipv6:", "xds:")
_HOST_PORT: Final = re.compile(r"(\[[^\[\]\s]+\]|[^:/\[\]\s]+):\d{1,5}")


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
        """Reads the files.

        Raises:
            OSError: One of them cannot be read.
        """
        root, key, chain = (Path(f).read_bytes() if f else None for f in (self.root, self.key, self.certificate))
        return grpc.ssl_channel_credentials(root, key, chain)


@dataclass(frozen=True)
class Retries:
    """How a request is tried again after UNAVAILABLE, the one status that says it was not worked on.

    gRPC does it, within the call's deadline; it varies each pause by a fifth, so that callers do not return as one.

    Attributes:
        attempts: Tries in all, from 1 (no retry) to 5.
        initial_backoff: Pause before the first retry, in seconds.
        max_backoff: Longest pause, in seconds.
        multiplier: How much longer each pause is than the last.
    """

    attempts: int = 5
    initial_backoff: float = 0.2
    max_backoff: float = 5.0
    multiplier: float = 2.5

    def __new__(cls, *_values: Any, **settings: Any) -> Self:
        """Refuses the names that these settings had before."""
        for name in settings.keys() & _RENAMED.keys():
            raise TypeError(f"Retries has no {name} any more; it is called {_RENAMED[name]} now")
        return super().__new__(cls)

    def __post_init__(self) -> None:
        if not 1 <= self.attempts <= _MOST_ATTEMPTS:
            raise ValueError(f"attempts must be from 1 to {_MOST_ATTEMPTS}, got {self.attempts}")
        if min(self.initial_backoff, self.max_backoff, self.multiplier) <= 0:
            raise ValueError(f"initial_backoff, max_backoff and multiplier must be over 0, got {self}")

    def policy(self) -> dict[str, Any]:
        """Returns the settings as a service config has them."""
        if self.attempts == 1:
            return {}
        return {
            "retryPolicy": {
                "maxAttempts": self.attempts,
                "initialBackoff": f"{self.initial_backoff:.9f}s",
                "maxBackoff": f"{self.max_backoff:.9f}s",
                "backoffMultiplier": self.multiplier,
                "retryableStatusCodes": ["UNAVAILABLE"],
            }
        }


@dataclass(frozen=True)
class ConnectionSettings:
    """What a connection does beyond the address.

    Attributes:
        retries: How a request is tried again.
        wait_for_ready: A call to a server that cannot be reached waits for it until the deadline, instead of failing
            when its retries are used up.
        gzip: Compresses requests.
        allow_plain_token: Sends the token over a connection that is not encrypted.
        keepalive_seconds: Time between two looks whether a silent connection lives, while calls wait on it; 0: none.
            TensorFlow Serving hangs up on callers that ask much more often than every 5 minutes without sending
            anything else, so keep a call's timeout under three times this.
        keepalive_timeout_seconds: How long such a look may take before the connection counts as broken.
        max_message_bytes: Largest request and answer.
    """

    retries: Retries = Retries()
    wait_for_ready: bool = False
    gzip: bool = False
    allow_plain_token: bool = False
    keepalive_seconds: float = 60.0
    keepalive_timeout_seconds: float = 10.0
    max_message_bytes: int = 256 << 20

    def options(self) -> list[tuple[str, Any]]:
        """As a channel takes them (grpc/impl/channel_arg_names.h)."""
        alive = [
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
            *(alive if self.keepalive_seconds else []),
        ]

    def _service_config(self) -> str:
        every_call = {"name": [{}], "waitForReady": self.wait_for_ready, **self.retries.policy()}
        probe = {"name": [{"service": PROBE_SERVICE}]}
        return json.dumps({"loadBalancingConfig": [{"round_robin": {}}], "methodConfig": [every_call, probe]})


class Endpoint:
    """Servers that answer alike, and the way to them.

    Args:
        address: "HOST:PORT", "unix:PATH", or what else gRPC resolves. All addresses that a DNS name has take turns.
            Several, in a list or with commas between them, are IP addresses.
        tls: Encrypts the connection; None: plain text.
        token: Sent with each call as "authorization: Bearer TOKEN".
        settings: What else the connection does.

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

    def metadata(self) -> tuple[tuple[str, str], ...] | None:
        """What goes with a call, apart from what the channel's credentials add."""
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
    else:
        parts = list(address)
    parts = [part.strip() for part in parts]
    if len(parts) > 1 and all(parts):
        versions = {_ip_version(part) for part in parts}
        if len(versions) > 1:
            raise ValueError(f"several addresses must be all IPv4 or all IPv6, got {', '.join(parts)}")
        return f"ipv{versions.pop()}:{','.join(parts)}"
    if len(parts) == 1 and (parts[0].startswith(_RESOLVERS) or _HOST_PORT.fullmatch(parts[0])):
        return parts[0]
    raise ValueError(f"address must be HOST:PORT of the gRPC port, such as localhost:8500, got {address!r}")


def _ip_version(address: str) -> int:
    import ipaddress

    host, _, port = address.rpartition(":")
    with contextlib.suppress(ValueError):
        if port.isdecimal():
            return ipaddress.ip_address(host.strip("[]")).version
    raise ValueError(
        f"several addresses must be IP:PORT each, got {address!r}; write the IP address, or give one DNS name that "
        "stands for all of them"
    )
