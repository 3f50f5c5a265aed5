"""Certificates and token of a caller, as given or as the environment has them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tfapp_client.connection import TlsFiles

__all__ = ["TLS_VARIABLE", "TOKEN_VARIABLE", "Secrets", "read_secrets"]

TOKEN_VARIABLE: Final = "TFAPP_CLIENT_TOKEN"
TLS_VARIABLE: Final = "TFAPP_CLIENT_TLS"


@dataclass(frozen=True)
class Secrets:
    """What `Client` and `AsyncClient` take.

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
    """Completes what was given from the environment.

    `TFAPP_CLIENT_TLS_ROOT`, `TFAPP_CLIENT_TLS_KEY` and `TFAPP_CLIENT_TLS_CERTIFICATE` name PEM files.
    `TFAPP_CLIENT_TLS` is 1 to encrypt without any of them, 0 to leave them alone. `TFAPP_CLIENT_TOKEN` is the token.

    Args:
        files: What was given; the environment has the rest, key and certificate together.
        encrypt: Whether to encrypt in any case.
        token_file: Holds the token.
        environment: The variables.

    Raises:
        OSError: The token's file cannot be read.
        ValueError: It is no text; or the environment has a key without a certificate, a certificate without a key, or
            `TFAPP_CLIENT_TLS` is neither 0 nor 1.
    """
    given = files or TlsFiles()
    switch = environment.get(TLS_VARIABLE) or None
    if switch not in (None, "0", "1"):
        raise ValueError(f"{TLS_VARIABLE} is {switch}; it must be 1, to encrypt, or 0, for plain text")
    others = (
        {} if switch == "0" else {name: environment.get(_variable(name)) for name in ("root", "key", "certificate")}
    )
    key: Path | str | None = others.get("key")
    certificate: Path | str | None = others.get("certificate")
    if bool(key) != bool(certificate):
        raise ValueError(
            f"mutual TLS needs both {_variable('key')} and {_variable('certificate')}; set both or neither"
        )
    if given.key:
        key, certificate = given.key, given.certificate
    tls = TlsFiles(given.root or others.get("root") or None, key or None, certificate or None, given.server_name)
    token = token_file.read_text(encoding="utf-8").strip() if token_file else environment.get(TOKEN_VARIABLE)
    return Secrets(tls if encrypt or switch == "1" or tls != TlsFiles() else None, token or None)


def _variable(name: str) -> str:
    return f"{TLS_VARIABLE}_{name.upper()}"
