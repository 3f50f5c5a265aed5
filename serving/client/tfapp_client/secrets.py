"""Reads the certificates and the token of a caller from arguments and the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tfapp_client.connection import TlsFiles
from tfapp_client.environment_variables import TLS, TLS_CERTIFICATE, TLS_KEY, TLS_ROOT, TOKEN

__all__ = ["Secrets", "read_secrets"]


@dataclass(frozen=True)
class Secrets:
    """The certificates and the token that `Client` and `AsyncClient` take.

    Attributes:
        tls: Encrypts the connection; None: plain text.
        token: Sent with each call; None: none.
    """

    tls: TlsFiles | None = None
    token: str | None = field(default=None, repr=False)


def read_secrets(
    files: TlsFiles | None = None,
    *,
    encrypt: bool = False,
    token_file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Secrets:
    """Reads certificates and token; the environment has those that no argument names.

    `TFAPP_CLIENT_TLS_ROOT`, `TFAPP_CLIENT_TLS_KEY` and `TFAPP_CLIENT_TLS_CERTIFICATE` name PEM files.
    `TFAPP_CLIENT_TLS` is 1 to encrypt without any of them, 0 to leave them alone. `TFAPP_CLIENT_TOKEN` is the token.

    Args:
        files: Certificates that take the place of those in the environment, key and certificate together.
        encrypt: Whether to encrypt in any case.
        token_file: Holds the token.
        environment: The variables.

    Raises:
        OSError: The token's file cannot be read.
        ValueError: It is no text; or the environment has a key without a certificate, a certificate without a key, or
            `TFAPP_CLIENT_TLS` is neither 0 nor 1.
    """
    files = files or TlsFiles()
    switch = environment.get(TLS) or None
    if switch not in (None, "0", "1"):
        raise ValueError(f"{TLS} is {switch}; it must be 1, to encrypt, or 0, for plain text")
    tls_files = TlsFiles() if switch == "0" else _files_of(environment)
    pair = files if files.key else tls_files
    tls = TlsFiles(files.root or tls_files.root, pair.key, pair.certificate, files.server_name)
    token = token_file.read_text(encoding="utf-8").strip() if token_file else environment.get(TOKEN)
    return Secrets(tls if encrypt or switch == "1" or tls != TlsFiles() else None, token or None)


def _files_of(environment: Mapping[str, str]) -> TlsFiles:
    names = (TLS_ROOT, TLS_KEY, TLS_CERTIFICATE)
    root, key, certificate = (environment.get(name) or None for name in names)
    if (key is None) != (certificate is None):
        raise ValueError(f"mutual TLS needs both {TLS_KEY} and {TLS_CERTIFICATE}; set both or neither")
    return TlsFiles(root, key, certificate)
