"""Slows down wrong passwords by the address that they come from."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tfapp.core.connections import caller_network

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
        max_addresses: How many addresses are remembered; of more, the one that tried longest ago is forgotten.
    """

    def __init__(self, ticks: Callable[[], float], *, max_addresses: int = _MOST_ADDRESSES) -> None:
        self._ticks = ticks
        self._max_addresses = max_addresses
        # The one that tried longest ago comes first.
        self._tries: OrderedDict[str, _Tries] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._tries)

    def take(self, address: str) -> int:
        """Counts a try of an address, and returns how many seconds it must wait; 0: the password may be compared.

        A try counts as wrong until `forget` says that it was right, so that many at once are no way around a pause.
        """
        network = caller_network(address)
        with self._lock:
            now = self._ticks()
            while self._tries and now - next(iter(self._tries.values())).last >= _FORGET_SECONDS:
                self._tries.popitem(last=False)
            tries = self._tries.setdefault(network, _Tries())
            if now < tries.until:
                return math.ceil(tries.until - now)
            tries.count += 1
            tries.last = now
            if tries.count >= _FREE:
                tries.until = now + min(_LONGEST_PAUSE, 2.0 ** min(tries.count - _FREE + 1, 32))
            self._tries.move_to_end(network)
            while len(self._tries) > self._max_addresses:
                self._tries.popitem(last=False)
            return 0

    def forget(self, address: str) -> None:
        """Clears the tries of an address whose password was right."""
        with self._lock:
            self._tries.pop(caller_network(address), None)
