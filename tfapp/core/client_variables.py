"""The names of `tfapp_client.environment_variables` for the help, which loads no client."""

from __future__ import annotations

from typing import Final

__all__ = ["TLS_CERTIFICATE", "TLS_KEY", "TLS_ROOT", "TOKEN"]

TOKEN: Final = "TFAPP_CLIENT_TOKEN"
TLS_ROOT: Final = "TFAPP_CLIENT_TLS_ROOT"
TLS_KEY: Final = "TFAPP_CLIENT_TLS_KEY"
TLS_CERTIFICATE: Final = "TFAPP_CLIENT_TLS_CERTIFICATE"
