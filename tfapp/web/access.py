"""The rules of who may open the console, and from where."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from tfapp.core.ports import is_loopback
from tfapp.errors import SettingsError
from tfapp.web.own_hosts import OwnHosts

__all__ = ["Access"]

_SHORTEST: Final = 8


@dataclass(frozen=True)
class Access:
    """The console's address and the rules of access to it.

    Attributes:
        host: The address that it listens on.
        port: The port; 0: any free one.
        password: What is asked for; None: nothing, which an address of this machine alone allows.
        names: Host names that it is called by, beside those of this machine; a name that is not known could be
            another site's, made to point here (DNS rebinding).
        tls: Certificate and key (PEM); None: no TLS.
        key: Signs cookies and forms; a new one each start ends the old sessions.
    """

    host: str = "127.0.0.1"
    port: int = 8600
    password: str | None = field(default=None, repr=False)
    names: tuple[str, ...] = ()
    tls: tuple[Path, Path] | None = None
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def __post_init__(self) -> None:
        if self.password is None and not is_loopback(self.host):
            raise SettingsError(
                f"--host {self.host}: others can reach the console there, so it needs a password; set "
                "TFAPP_CONSOLE_PASSWORD, or give --password-file FILE"
            )
        if self.password is not None and len(self.password) < _SHORTEST:
            raise SettingsError(f"the password: must have {_SHORTEST} characters or more, got {len(self.password)}")

    @property
    def security_warnings(self) -> list[str]:
        """Returns a line for each setting that lets more people in than the defaults do."""
        lines = []
        if not is_loopback(self.host):
            lines.append(f"--host {self.host}: other machines can open the console")
            if self.tls is None:
                lines.append("no --tls-certificate: the password and all pages travel in plain text")
        if self.names and self.password is None:
            names = ", ".join(self.names)
            lines.append(f"--name {names}: whoever reaches this machine's port by it, as by a proxy, needs no password")
        return lines

    @property
    def cookie(self) -> str:
        """Returns the session cookie's name, with the port: browsers send cookies to all ports of a host."""
        return f"tfapp_console_{self.port}"

    def allows(self, host_header: str) -> bool:
        """Returns whether a request's Host is this machine, by name or by an address."""
        return self._hosts.allows(host_header)

    @cached_property
    def _hosts(self) -> OwnHosts:
        return OwnHosts(self.names, any_address=True)

    def is_password(self, password: str) -> bool:
        """Returns whether a text is the password."""
        return _is_same(password, self.password or "")

    def session_cookie(self, session: str) -> str:
        """Returns the value of a session's cookie: the session's name, signed."""
        return f"{session}.{self._sign('session', session)}"

    def session_name(self, cookie: str) -> str:
        """Returns the session's name of a cookie; empty where this console did not sign it."""
        session, _, signature = cookie.rpartition(".")
        return session if _is_same(signature, self._sign("session", session)) else ""

    def form_token(self, session: str) -> str:
        """Returns the token that each form of a session carries, so that other sites cannot send it."""
        return self._sign("form", session)

    def is_form_token(self, token: str, session: str) -> bool:
        """Returns whether a form came from a page of this session."""
        return bool(session) and _is_same(token, self.form_token(session))

    def _sign(self, kind: str, session: str) -> str:
        return hmac.new(self.key.encode(), f"{kind} {session}".encode("utf-8", "replace"), "sha256").hexdigest()


def _is_same(text: str, secret: str) -> bool:
    """Compares a text with a secret in constant time; lone surrogates, which no encoding holds, count as "?"."""
    return hmac.compare_digest(text.encode("utf-8", "replace"), secret.encode())
