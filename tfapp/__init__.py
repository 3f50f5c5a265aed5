"""Holds tfapp, from labelled text to a served BERT model: the public functions, and one package for each layer.

The public names are loaded when they are first used, so that `import tfapp` is instant.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from tfapp_client.former_names import refuse_moved_modules

from tfapp.version import __version__

if TYPE_CHECKING:
    from tfapp.api import Run, evaluate, export, fit, load_data, open_run, predict, serve
    from tfapp.workflows.adapted_backbone import AdaptedBackbone
    from tfapp.workflows.release import promote, prune, rollback
    from tfapp.workflows.run_average import average_runs
    from tfapp.workflows.run_choice import best_run
    from tfapp.workflows.run_comparison import compare_runs
    from tfapp.workflows.run_prune import prune_runs
    from tfapp.workflows.run_records import list_runs
    from tfapp.workflows.run_tracking import track_runs
    from tfapp.workflows.search import search

__all__ = [
    "AdaptedBackbone",
    "Run",
    "__version__",
    "average_runs",
    "best_run",
    "compare_runs",
    "evaluate",
    "export",
    "fit",
    "list_runs",
    "load_data",
    "open_run",
    "predict",
    "promote",
    "prune",
    "prune_runs",
    "rollback",
    "search",
    "serve",
    "track_runs",
]

# Where those are that are not in `tfapp.api`.
_MODULES = {
    "AdaptedBackbone": "tfapp.workflows.adapted_backbone",
    "average_runs": "tfapp.workflows.run_average",
    "best_run": "tfapp.workflows.run_choice",
    "compare_runs": "tfapp.workflows.run_comparison",
    "list_runs": "tfapp.workflows.run_records",
    "promote": "tfapp.workflows.release",
    "prune": "tfapp.workflows.release",
    "prune_runs": "tfapp.workflows.run_prune",
    "rollback": "tfapp.workflows.release",
    "search": "tfapp.workflows.search",
    "track_runs": "tfapp.workflows.run_tracking",
}

# KerasHub and Keras choose their backend, and TensorFlow its loudness, when they are imported.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module(_MODULES.get(name, "tfapp.api")), name)
    from tfapp._old_names import missing_name

    raise missing_name(__name__, name)


def __dir__() -> list[str]:
    return sorted(__all__)


def _new_place(module: str) -> str | None:
    from tfapp._old_names import NEW_PLACES

    package, _, name = module.rpartition(".")
    return NEW_PLACES.get(package, {}).get(name)


refuse_moved_modules("tfapp", _new_place)
