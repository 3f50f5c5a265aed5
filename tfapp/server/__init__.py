"""Holds the embedded model server, which offers TensorFlow Serving's own interfaces over any SavedModels.

    with running_server("models", port=8500) as server:
        print(server.address)

TensorFlow is imported with the first name taken from here.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tfapp.server.settings import ServerSettings

if TYPE_CHECKING:
    from tfapp.server.server import ModelServer, configured_server, folder_server, running_server, single_server

__all__ = [
    "ModelServer",
    "ServerSettings",
    "configured_server",
    "folder_server",
    "running_server",
    "single_server",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from tfapp.core.tensorflow_import import import_tensorflow

        import_tensorflow(text=False)
        return getattr(importlib.import_module("tfapp.server.server"), name)
    from tfapp._old_names import missing_name

    raise missing_name(__name__, name)


def __dir__() -> list[str]:
    return sorted(__all__)
