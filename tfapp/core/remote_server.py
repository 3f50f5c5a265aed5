"""Connects to a model server that runs elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from tfapp.errors import SettingsError

if TYPE_CHECKING:
    from tfapp_client import Client, TlsFiles
    from tfapp_client.connection import Endpoint

__all__ = ["RemoteServer"]


@dataclass(frozen=True)
class RemoteServer:
    """A model server that runs elsewhere.

    Attributes:
        address: HOST:PORT.
        tls: Encrypts the connection; None: plain text.
        token: Sent with each call as a bearer token.
    """

    address: str
    tls: TlsFiles | None = None
    token: str | None = field(default=None, repr=False)

    @classmethod
    def at(cls, address: str) -> Self:
        """Returns the server at an address, with the certificates and the token of the environment, without calling it.

        The variables are those of the command `tfapp-client`: `TFAPP_CLIENT_TLS_ROOT` and so on.

        Raises:
            SettingsError: The variables do not go together, a file cannot be read, or the token would travel in plain
                text.
        """
        from tfapp_client.environment_variables import TLS, TLS_ROOT, TOKEN
        from tfapp_client.secrets import read_secrets

        try:
            secrets = read_secrets()
        except ValueError as error:
            raise SettingsError(f"{address} cannot be called: {error}") from error
        if secrets.token and secrets.tls is None:
            raise SettingsError(
                f"{address} cannot be called: the token in {TOKEN} would travel in plain text; set "
                f"{TLS}=1 or {TLS_ROOT}, or unset {TOKEN}"
            )
        server = cls(address, secrets.tls, secrets.token)
        server.endpoint()
        return server

    def endpoint(self) -> Endpoint:
        """Returns the endpoint to connect to.

        Raises:
            SettingsError: A file of the certificates cannot be read, or the token would travel in plain text.
        """
        from tfapp_client.connection import Endpoint

        try:
            return Endpoint(self.address, tls=self.tls, token=self.token)
        except (OSError, ValueError) as error:
            raise SettingsError(f"{self.address} cannot be called: {error}") from error

    def client(self) -> Client:
        """Returns a client of the server; errors as of `endpoint`."""
        from tfapp_client import Client
        from tfapp_client.transport import GrpcTransport

        return Client(transport=GrpcTransport(self.endpoint()))
