"""Calls models on TensorFlow Serving over gRPC, typed, without TensorFlow.

The public names are loaded when they are first used: whoever needs the contract alone does not load gRPC.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tfapp_client.former_names import refuse_moved_modules
from tfapp_client.version import __version__

if TYPE_CHECKING:
    from tfapp_client.async_client import AsyncClient
    from tfapp_client.canary import Canary
    from tfapp_client.client import Client
    from tfapp_client.connection import ConnectionSettings, TlsFiles
    from tfapp_client.errors import AnswerError, ClientError, StatusError
    from tfapp_client.results import (
        Answer,
        Classification,
        Entity,
        ModelMetadata,
        Ranked,
        Signature,
        TensorInfo,
        VersionStatus,
    )
    from tfapp_client.retries import Retries
    from tfapp_client.splitting import Splitting

__all__ = [
    "Answer",
    "AnswerError",
    "AsyncClient",
    "Canary",
    "Classification",
    "Client",
    "ClientError",
    "ConnectionSettings",
    "Entity",
    "ModelMetadata",
    "Ranked",
    "Retries",
    "Signature",
    "Splitting",
    "StatusError",
    "TensorInfo",
    "TlsFiles",
    "VersionStatus",
    "__version__",
]

_HOMES = {
    "Answer": "results",
    "AnswerError": "errors",
    "AsyncClient": "async_client",
    "Canary": "canary",
    "Classification": "results",
    "Client": "client",
    "ClientError": "errors",
    "ConnectionSettings": "connection",
    "Entity": "results",
    "ModelMetadata": "results",
    "Ranked": "results",
    "Retries": "retries",
    "Signature": "results",
    "Splitting": "splitting",
    "StatusError": "errors",
    "TensorInfo": "results",
    "TlsFiles": "connection",
    "VersionStatus": "results",
}

# Where that is now which modules of before had in them.
_NEW_PLACES = {
    "base": "requests",
    "calls": "client",
    "plans": "requests",
    "steps": "requests",
    "variables": "environment_variables",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"tfapp_client.{_HOMES[name]}"), name)
    module = f"tfapp_client.{name}"
    if place := _new_place(module):  # `from tfapp_client import NAME` shows the message of no other error.
        raise ImportError(f"{module} is {place} now", name=module)
    raise AttributeError(f"module 'tfapp_client' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def _new_place(module: str) -> str | None:
    place = _NEW_PLACES.get(module.removeprefix("tfapp_client."))
    return f"tfapp_client.{place}" if place else None


refuse_moved_modules("tfapp_client", _new_place)
