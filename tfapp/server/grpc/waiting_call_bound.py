"""The bound on calls that have begun and wait for their message: each of them holds a thread."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

import grpc

from tfapp.server.request_context import caller_address, split_peer

__all__ = ["WaitingCallBound", "received_bytes"]

# A connection on which nothing has come for so long sends nothing.
_PAUSE_MS: Final = 1000
# How long what is known of the connections is good enough: all descriptors of the process are looked through.
_SECONDS: Final = 1.0
# Of every call that waits on a connection; a connection that begins calls sends less.
_LEAST_BYTES: Final = 500
# The part of the bound that callers who send nothing may keep.
_SILENT_PART: Final = 2
_DESCRIPTORS: Final = Path("/proc/self/fd")
# tcpi_last_data_recv and tcpi_bytes_received of Linux's struct tcp_info (include/uapi/linux/tcp.h), from 4.1 on.
_TCP_INFO: Final = struct.Struct("=52xI72xQ")


class WaitingCallBound:
    """The most calls that may wait for their message; beyond, those of callers who have most are to be ended.

    Callers are brought to the same number, addresses first and then the connections of each, by their oldest calls. So
    whoever has few loses none while somebody has many. Of connections with equally many, those lose calls last on which
    most bytes arrive.

    Args:
        most: How many calls.
        received: Returns the callers whose bytes arrive, and how many have come.
        ticks: Tells the time, in seconds.

    Attributes:
        most: The same.
    """

    def __init__(
        self,
        most: int,
        *,
        received: Callable[[], dict[tuple[str, int], int]] | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.most = most
        self._received = received or received_bytes
        self._ticks = ticks
        self._totals: dict[tuple[str, int], int] = {}
        self._progress: dict[tuple[str, int], int] = {}
        self._last_look = float("-inf")

    def excess(
        self, waiting: Collection[grpc.ServicerContext], old: Collection[grpc.ServicerContext]
    ) -> list[grpc.ServicerContext]:
        """Returns the calls to end.

        Where callers send nothing, half of the bound is made free, so that crowds of them go fast; those who send are
        ended only as far as the bound asks for it.

        Args:
            waiting: All that wait, the oldest first.
            old: Those that have waited for long enough to be ended.
        """
        peers = {call: call.peer() for call in waiting}
        new_bytes = self._new_bytes()
        progress = {peer: new_bytes.get(_endpoint(peer), 0) for peer in set(peers.values())}
        counts = Counter(peers.values())
        calls = []
        # Calls that are too young to be ended count, too: whoever has few is not ended for others' new ones.
        for left, call in zip(range(len(peers), 0, -1), _by_share(peers, progress), strict=True):
            is_sending = progress[peers[call]] >= _LEAST_BYTES * counts[peers[call]]
            least = self.most - 1 if is_sending else self.most // _SILENT_PART
            if call in old and left > least:
                calls.append(call)
        return calls

    def _new_bytes(self) -> dict[tuple[str, int], int]:
        """Returns how many bytes have come of each connection since the last time."""
        if self._ticks() - self._last_look >= _SECONDS:
            totals = self._received()
            self._progress = {endpoint: total - self._totals.get(endpoint, 0) for endpoint, total in totals.items()}
            self._totals, self._last_look = totals, self._ticks()
        return self._progress


def _by_share(peers: dict[grpc.ServicerContext, str], progress: dict[str, int]) -> list[grpc.ServicerContext]:
    """Returns the calls, which come with the oldest first, in the order in which they are to be ended."""
    newest_first = list(reversed(peers))
    of_connection = _ranks(newest_first, peers)
    by_connection = sorted(newest_first, key=lambda call: (of_connection[call], -progress[peers[call]]))
    addresses = {peer: caller_address(peer) for peer in set(peers.values())}
    of_address = _ranks(by_connection, {call: addresses[peer] for call, peer in peers.items()})
    return sorted(by_connection, key=lambda call: of_address[call])[::-1]


def _ranks(
    calls: list[grpc.ServicerContext], owners: dict[grpc.ServicerContext, str]
) -> dict[grpc.ServicerContext, int]:
    """Returns how many calls of the same owner come before each."""
    counts: Counter[str] = Counter()
    ranks = {}
    for call in calls:
        ranks[call] = counts[owners[call]]
        counts[owners[call]] += 1
    return ranks


def received_bytes() -> dict[tuple[str, int], int]:
    """Returns how many bytes have come of each connection on which some came within a second, by address and port.

    gRPC tells nothing of a message before its last byte, so the system is asked, by the process's own sockets; where it
    is not Linux, there is no answer.
    """
    try:
        descriptors = [int(path.name) for path in _DESCRIPTORS.iterdir()]
    except OSError:
        # Another system, or no descriptor is left to look with.
        return {}
    totals = {}
    for descriptor in descriptors:
        # It may be closed meanwhile, or be no connection.
        with contextlib.suppress(OSError), _copy(descriptor) as connection:
            if connection.family not in (socket.AF_INET, socket.AF_INET6) or connection.type != socket.SOCK_STREAM:
                continue
            data = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
            pause, total = _TCP_INFO.unpack(data) if len(data) == _TCP_INFO.size else (_PAUSE_MS, 0)
            if pause < _PAUSE_MS:
                host, port = connection.getpeername()[:2]
                totals[_plain_host(host), port] = total
    return totals


@contextlib.contextmanager
def _copy(descriptor: int) -> Iterator[socket.socket]:
    """Yields a socket of its own for a descriptor, which others may close meanwhile."""
    copy = os.dup(descriptor)
    try:
        connection = socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        raise
    with connection:
        yield connection


def _endpoint(peer: str) -> tuple[str, int]:
    """Returns the address and port of a connection as gRPC writes it; port 0 for a UNIX socket."""
    host, port = split_peer(peer)
    return _plain_host(host), int(port) if port.isdecimal() else 0


def _plain_host(host: str) -> str:
    """Returns an address without its zone, and IPv4 within IPv6 as IPv4."""
    try:
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    return str(getattr(ip, "ipv4_mapped", None) or ip)
