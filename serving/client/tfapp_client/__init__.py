"""Calls models on TensorFlow Serving over gRPC, typed, without TensorFlow.

The public names are loaded when they are first used: whoever needs the contract alone does not load gRPC.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

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
    if name in _NEW_PLACES:  # `from tfapp_client import NAME` shows the message of no other error.
        raise ImportError(f"tfapp_client.{name} is tfapp_client.{_NEW_PLACES[name]} now", name=f"tfapp_client.{name}")
    raise AttributeError(f"module 'tfapp_client' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


class _MovedModules:
    """A finder that raises the error for an import of a module by its old name; it is asked last."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        package, _, module = name.rpartition(".")
        # For `importlib.util.find_spec` there is just no such module; `import` asks from this function of importlib.
        is_import = sys._getframe(2).f_code.co_name == "_find_and_load_unlocked"
        if package == "tfapp_client" and module in _NEW_PLACES and is_import:
            raise ModuleNotFoundError(f"{name} is tfapp_client.{_NEW_PLACES[module]} now", name=name)


sys.meta_path.append(_MovedModules)
