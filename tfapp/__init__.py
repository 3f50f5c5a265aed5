"""tfapp: from labelled text to a BERT model served by TensorFlow Serving.

The public names are loaded when they are first used, so that `import tfapp` is instant.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from tfapp.version import __version__

if TYPE_CHECKING:
    from tfapp.api import Run, evaluate, export, fit, load_data, open_run, predict, serve
    from tfapp.workflows.release import promote, prune, rollback

__all__ = [
    "Run",
    "__version__",
    "evaluate",
    "export",
    "fit",
    "load_data",
    "open_run",
    "predict",
    "promote",
    "prune",
    "rollback",
    "serve",
]

_RELEASES = ("promote", "prune", "rollback")

# KerasHub and Keras choose their backend, and TensorFlow its loudness, when they are imported.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")


def __getattr__(name: str) -> Any:
    if name in __all__:
        home = "tfapp.workflows.release" if name in _RELEASES else "tfapp.api"
        return getattr(importlib.import_module(home), name)
    from tfapp._old_names import missing_name

    raise missing_name(__name__, name)


def __dir__() -> list[str]:
    return sorted(__all__)
