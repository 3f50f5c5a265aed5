"""The names of the environment variables for certificates and token; imports nothing, so that any help may use it."""

from __future__ import annotations

from typing import Final

__all__ = ["TLS", "TLS_CERTIFICATE", "TLS_KEY", "TLS_ROOT", "TOKEN"]

TOKEN: Final = "TFAPP_CLIENT_TOKEN"
# 1 encrypts without any of the files, 0 leaves them alone.
TLS: Final = "TFAPP_CLIENT_TLS"
TLS_ROOT: Final = "TFAPP_CLIENT_TLS_ROOT"
TLS_KEY: Final = "TFAPP_CLIENT_TLS_KEY"
TLS_CERTIFICATE: Final = "TFAPP_CLIENT_TLS_CERTIFICATE"
