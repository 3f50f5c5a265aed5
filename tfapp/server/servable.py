"""One version of a model, loaded."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tfapp.quiet import import_tensorflow
from tfapp.server.batching import Batcher
from tfapp.server.signature import Signature

__all__ = ["Servable", "read_definitions"]

_TAG: Final = "serve"


class Servable:
    """A SavedModel in memory.

    Args:
        name: The model's name.
        version: The version's number.
        folder: The version's folder.
        batcher: Merges requests; None: each runs alone.

    Attributes:
        name: The model's name.
        version: The version's number.
        signatures: What can be called, by name.
        definitions: All SignatureDefs of the file, by name.

    Raises:
        Exception: What TensorFlow says of a folder that it cannot load.
    """

    def __init__(self, name: str, version: int, folder: Path, batcher: Batcher | None = None) -> None:
        # Models may hold tensorflow-text's ops, which have to be registered first.
        import_tensorflow()
        self.name = name
        self.version = version
        self._module = tf.saved_model.load(str(folder), tags=[_TAG])
        self.definitions = read_definitions(folder)
        self.signatures = MappingProxyType(
            {
                key: Signature(self.definitions[key], function, batcher)
                for key, function in self._module.signatures.items()
                if key in self.definitions
            }
        )


def read_definitions(folder: Path) -> dict[str, Any]:
    """Reads the SignatureDefs as they stand in a version's file, by name.

    Metadata answers them, and the names of feeds are in them.
    """
    model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    graph = next(graph for graph in model.meta_graphs if _TAG in graph.meta_info_def.tags)
    return dict(graph.signature_def)
