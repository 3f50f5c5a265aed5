"""Slows down wrong passwords by the address that they come from."""

from __future__ import annotations

import ipaddress
import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = ["LoginThrottle"]

# Wrong passwords before the first pause, in a row and without an hour between them.
_FREE: Final = 5
_FORGET_SECONDS: Final = 3600.0
_LONGEST_PAUSE: Final = 900.0
_MOST_ADDRESSES: Final = 10_000


@dataclass
class _Tries:
    count: int = 0
    last: float = 0.0
    until: float = 0.0


class LoginThrottle:
    """Lets an address try passwords ever more slowly, and no other address.

    Args:
        ticks: Tells the time, in seconds.
        most: How many addresses are remembered; of more, the one that tried longest ago is forgotten.
    """

    def __init__(self, ticks: Callable[[], float], *, most: int = _MOST_ADDRESSES) -> None:
        self._ticks = ticks
        self._most = most
        # The one that tried longest ago comes first.
        self._tries: OrderedDict[str, _Tries] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._tries)

    def take(self, address: str) -> int:
        """Counts a try of an address, and returns for how many seconds it must wait.

        A try counts as wrong until `forget` says that it was right, so that many at once are no way around a pause.

        Args:
            address: Of the caller.

        Returns:
            0 where the password may be compared; else the whole seconds to wait.
        """
        network = _network(address)
        with self._lock:
            now = self._ticks()
            self._forget_old(now)
            tries = self._tries.setdefault(network, _Tries())
            if now < tries.until:
                return math.ceil(tries.until - now)
            tries.count += 1
            tries.last = now
            if tries.count >= _FREE:
                tries.until = now + min(_LONGEST_PAUSE, 2.0 ** min(tries.count - _FREE + 1, 32))
            self._tries.move_to_end(network)
            while len(self._tries) > self._most:
                self._tries.popitem(last=False)
            return 0

    def forget(self, address: str) -> None:
        """Clears the tries of an address whose password was right."""
        with self._lock:
            self._tries.pop(_network(address), None)

    def _forget_old(self, now: float) -> None:
        while self._tries and now - next(iter(self._tries.values())).last >= _FORGET_SECONDS:
            self._tries.popitem(last=False)


def _network(address: str) -> str:
    """Returns the network of a caller's IPv6 address, as everybody has many addresses of one, or the IPv4 address."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    return str(known.ipv4_mapped or ipaddress.ip_network((known, 64), strict=False))
