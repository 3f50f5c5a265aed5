"""Checks by which hosts a web server is called, and from which pages."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlsplit

from tfapp.core.ports import is_loopback

__all__ = ["OwnHosts", "comes_from"]


class OwnHosts:
    """The hosts that a server answers to: this machine's names and addresses, and those that are named.

    A name that is not known could be another site's, made to point here (DNS rebinding).

    Args:
        names: Other names and addresses, without a port.
        any_address: Answers to all addresses, as these are no site's name; otherwise to loopback ones alone.
    """

    def __init__(self, names: Iterable[str] = (), *, any_address: bool = False) -> None:
        self._names = {"localhost", socket.gethostname().lower(), *(name.lower() for name in names)}
        self._any_address = any_address

    def allows(self, netloc: str) -> bool:
        """Returns whether HOST or HOST:PORT, as of a Host header or an Origin, is one of them."""
        try:
            name = urlsplit(f"//{netloc}").hostname or ""
        except ValueError:
            return False
        return name in self._names or (_is_address(name) if self._any_address else is_loopback(name))


def comes_from(headers: Mapping[str, str], is_own: Callable[[str], bool]) -> bool:
    """Returns whether a request comes from a page of an own host, or from a program that is no browser.

    `headers` are the request's by names in lower case; `is_own` is asked about the page's HOST or HOST:PORT.
    """
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "none") in ("same-origin", "none")
    try:
        return is_own(urlsplit(origin).netloc)
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
