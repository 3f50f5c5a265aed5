"""A loaded version of a model, and the reading of signatures and unsafe ops without loading it."""

from __future__ import annotations

import functools
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import grpc
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry
from tfapp_client import contract

from tfapp.core.files import pattern_problem, read_regular_file
from tfapp.core.tensorflow_import import import_tensorflow, without_noise
from tfapp.server.batching.batch_scheduler import BatchScheduler
from tfapp.server.request_errors import RequestError
from tfapp.server.safety.unsafe_op_check import UnsafeOp, find_unsafe_ops, refuse_unsafe_ops
from tfapp.server.servables.request_limits import RequestLimits
from tfapp.server.servables.servable_signature import ServableSignature

__all__ = ["Servable", "check_version", "read_definitions", "read_unsafe_ops"]

# Those of BERT and of plain splitting, which TensorFlow Serving links, too. The package has 22, 100 MB more.
_LIBRARIES: Final = (
    "_fast_bert_normalizer",
    "_fast_wordpiece_tokenizer",
    "_normalize_ops",
    "_regex_split_ops",
    "_whitespace_tokenizer",
    "_whitespace_tokenizer_v2",
    "_wordpiece_tokenizer",
)

_TAG: Final = "serve"
# The limit of protobuf.
_MOST_BYTES: Final = 2**31 - 1


class Servable:
    """A SavedModel in memory, with its signatures.

    Args:
        name: The model's name.
        version: The version's number.
        folder: The version's folder.
        scheduler: Merges requests; None: each runs alone.
        limits: What one request may ask for; None: anything.
        allow_unsafe_ops: Whether it may touch files, processes and the network; False: it is refused before it is
            loaded, as its initialisers run then.

    Attributes:
        signatures: What can be called, by name.
        definitions: All SignatureDefs of the file, by name.

    Raises:
        Exception: What is wrong with a folder that cannot be loaded; most say TensorFlow's own words.
    """

    def __init__(
        self,
        name: str,
        version: int,
        folder: Path,
        scheduler: BatchScheduler | None = None,
        limits: RequestLimits | None = None,
        *,
        allow_unsafe_ops: bool = False,
    ) -> None:
        self.name = name
        self.version = version
        _check_path(folder)
        graphs = _read_graphs(folder)
        graph = graphs[0]
        if not allow_unsafe_ops:
            refuse_unsafe_ops(graphs, folder)
        _register_ops(graph)
        self._module = tf.saved_model.load(str(folder), tags=[_TAG])
        self.definitions = dict(graph.signature_def)
        # A graph of ours refuses other shapes itself, or ends the process if it is old; here they take no memory.
        ours = (folder / contract.METADATA_FILE).exists()
        self.signatures = MappingProxyType(
            {
                key: ServableSignature(self.definitions[key], function, scheduler, check_shapes=ours, limits=limits)
                for key, function in self._module.signatures.items()
                if key in self.definitions
            }
        )


def read_definitions(folder: Path) -> dict[str, Any]:
    """Returns the SignatureDefs as they stand in a version's file, by name.

    Metadata answers them, and the names of feeds are in them.
    """
    return dict(_read_graphs(folder)[0].signature_def)


def read_unsafe_ops(folder: Path) -> list[UnsafeOp]:
    """Returns a version's ops that touch files, processes or the network; nothing of it is loaded.

    Raises:
        OSError: Its `saved_model.pb` cannot be read.
        ValueError: That is no regular file, has 2 GiB or more, or has no graph to serve.
        DecodeError: It is no SavedModel.
    """
    return find_unsafe_ops(_read_graphs(folder), folder)


def check_version(folder: Path) -> None:
    """Checks, before a version is loaded, that it can be, and only computes.

    Raises:
        RequestError: It does more, or TensorFlow takes its path for a pattern.
        OSError: Its `saved_model.pb` cannot be read.
        ValueError: That is no regular file, has 2 GiB or more, or has no graph to serve.
        DecodeError: It is no SavedModel.
    """
    _check_path(folder)
    refuse_unsafe_ops(_read_graphs(folder), folder)


def _check_path(folder: Path) -> None:
    if problem := pattern_problem(folder):
        raise RequestError(grpc.StatusCode.FAILED_PRECONDITION, problem)


def _read_graphs(folder: Path) -> list[Any]:
    model = saved_model_pb2.SavedModel.FromString(read_regular_file(folder / "saved_model.pb", _MOST_BYTES))
    graphs = [graph for graph in model.meta_graphs if _TAG in graph.meta_info_def.tags]
    if not graphs:
        tags = ", ".join(sorted({tag for graph in model.meta_graphs for tag in graph.meta_info_def.tags})) or "none"
        raise ValueError(f"no graph with the tag {_TAG} in it; its tags: {tags}")
    return graphs


def _register_ops(graph: Any) -> None:
    """Registers those ops of a MetaGraphDef that TensorFlow does not know, if tensorflow-text has them."""
    nodes = (graph.graph_def.node, *(function.node_def for function in graph.graph_def.library.function))
    names = {node.op for some in nodes for node in some}
    if _has_unknown_op(names):
        _load_libraries()
    if _has_unknown_op(names):
        import_tensorflow()


def _has_unknown_op(names: Collection[str]) -> bool:
    return any(op_def_registry.get(name) is None for name in names)


@functools.cache
def _load_libraries() -> None:
    # Found without being imported.
    package = find_spec("tensorflow_text")
    folders = (package.submodule_search_locations or ()) if package else ()
    with without_noise():
        for folder in folders:
            for name in _LIBRARIES:
                tf.load_op_library(str(Path(folder, "python", "ops", f"{name}.so")))
