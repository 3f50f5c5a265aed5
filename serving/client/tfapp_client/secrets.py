"""Certificates and token of a caller, as given or as the environment has them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from tfapp_client.connection import TlsFiles

__all__ = ["TOKEN_VARIABLE", "Secrets", "read_secrets"]

TOKEN_VARIABLE: Final = "TFAPP_CLIENT_TOKEN"
_TLS_VARIABLE: Final = "TFAPP_CLIENT_TLS"


class Secrets(NamedTuple):
    """What `Client` and `AsyncClient` take.

    Attributes:
        tls: Encrypts the connection; None: plain text.
        token: Sent with each call; None: none.
    """

    tls: TlsFiles | None
    token: str | None


def read_secrets(
    files: TlsFiles | None = None,
    *,
    encrypt: bool = False,
    token_file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Secrets:
    """Completes what was given from the environment.

    `TFAPP_CLIENT_TLS_ROOT`, `TFAPP_CLIENT_TLS_KEY` and `TFAPP_CLIENT_TLS_CERTIFICATE` name PEM files,
    `TFAPP_CLIENT_TLS=1` encrypts without any, `TFAPP_CLIENT_TOKEN` is the token.

    Args:
        files: What was given; where it names any file, the environment's are left alone.
        encrypt: Whether to encrypt in any case.
        token_file: Holds the token.
        environment: The variables.

    Raises:
        OSError: The token's file cannot be read.
        ValueError: The environment has a key without a certificate, or a certificate without a key.
    """
    token = token_file.read_text(encoding="utf-8").strip() if token_file else environment.get(TOKEN_VARIABLE)
    tls = files if files not in (None, TlsFiles()) else _from(environment)
    if tls is None and (encrypt or environment.get(_TLS_VARIABLE, "0") not in ("", "0")):
        tls = TlsFiles()
    return Secrets(tls, token or None)


def _from(environment: Mapping[str, str]) -> TlsFiles | None:
    names = {name: f"{_TLS_VARIABLE}_{name.upper()}" for name in ("root", "key", "certificate")}
    found = {name: environment[variable] for name, variable in names.items() if environment.get(variable)}
    if ("key" in found) != ("certificate" in found):
        raise ValueError(f"mutual TLS needs both {names['key']} and {names['certificate']}; set both or neither")
    return TlsFiles(**found) if found else None
