"""A model server that runs elsewhere, and how it is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tfapp.errors import SettingsError

if TYPE_CHECKING:
    from tfapp_client import Client, TlsFiles

__all__ = ["RemoteServer"]


@dataclass(frozen=True)
class RemoteServer:
    """A model server.

    Attributes:
        address: HOST:PORT.
        tls: Encrypts the connection; None: plain text.
        token: Sent with each call as a bearer token.
    """

    address: str
    tls: TlsFiles | None = None
    token: str | None = None

    @classmethod
    def named(cls, address: str) -> Self:
        """The server at an address, with the certificates and the token of the environment.

        The variables are those of the command `tfapp-client`: `TFAPP_CLIENT_TLS_ROOT` and so on.

        Raises:
            SettingsError: The environment has half of what mutual TLS needs.
        """
        from tfapp_client.secrets import read_secrets

        try:
            return cls(address, *read_secrets())
        except ValueError as error:
            raise SettingsError(f"{address} cannot be called: {error}") from error

    def client(self) -> Client:
        """A client of it.

        Raises:
            SettingsError: A file of the certificates cannot be read, or the token would travel in plain text.
        """
        from tfapp_client import Client

        try:
            return Client(self.address, tls=self.tls, token=self.token)
        except (OSError, ValueError) as error:
            raise SettingsError(f"{self.address} cannot be called: {error}") from error
