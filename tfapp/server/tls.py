"""Encryption of the ports: keys and certificates for gRPC and HTTP."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path
from typing import Any

import grpc

from tfapp.core.files import write_text
from tfapp.errors import ServerError
from tfapp.server.settings import TlsSettings

__all__ = ["server_context", "server_credentials"]


def server_credentials(tls: TlsSettings) -> Any:
    """Returns the credentials that gRPC listens with."""
    pair = (tls.server_key.encode(), tls.server_cert.encode())
    authority = tls.custom_ca.encode() or None
    return grpc.ssl_server_credentials([pair], authority, require_client_auth=tls.client_verify)


def server_context(tls: TlsSettings) -> ssl.SSLContext:
    """Returns the SSL context that an HTTP server listens with.

    Raises:
        ServerError: The key or a certificate is no PEM text, or the key is not the certificate's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # OpenSSL reads files only; the folder can be entered by nobody else.
        with tempfile.TemporaryDirectory() as folder:
            key, chain = Path(folder) / "key", Path(folder) / "chain"
            write_text(key, tls.server_key)
            write_text(chain, tls.server_cert)
            context.load_cert_chain(chain, key, password="")
    except (ssl.SSLError, ValueError) as error:
        raise ServerError(
            f"SSL config: server_key and server_cert are not a PEM key and its certificate: {_reason(error)}"
        ) from error
    if tls.custom_ca:
        try:
            context.load_verify_locations(cadata=tls.custom_ca)
        except (ssl.SSLError, ValueError) as error:
            raise ServerError(
                f"SSL config: custom_ca holds no PEM certificate: {_reason(error)}; paste the file of the authority"
            ) from error
    if tls.client_verify:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error)
