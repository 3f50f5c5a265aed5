"""Finds the ops of a SavedModel that touch files, processes or the network, at its load or when called."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from tensorflow.core.framework import variable_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from tfapp.server.request_errors import RequestError
from tfapp.server.safety.graph_walk import GraphWalk, node_name
from tfapp.server.safety.unsafe_op_list import READER_OPS, SAVER_OPS, effect

__all__ = ["UnsafeOp", "find_unsafe_ops", "refuse_unsafe_ops"]

_INIT: Final = "an initialiser"
_SAVER: Final = "the saver"
_INIT_SIGNATURE: Final = "__saved_model_init_op"
# The last is what `tf.saved_model.load` runs of a model of TensorFlow 1 that names no op to run.
_INIT_COLLECTIONS: Final = ("saved_model_main_op", "legacy_init_op", "table_initializer")
_LOCAL_VARIABLES: Final = "local_variables"
_ASSETS: Final = "saved_model_assets"


@dataclass(frozen=True)
class UnsafeOp:
    """An op that touches files, processes or the network.

    Attributes:
        by: What runs it: "signature NAME", "an initialiser" or "the saver".
        op: The op.
        node: The node in the graph.
        effect: What it does.
    """

    by: str
    op: str
    node: str
    effect: str

    def to_dict(self) -> dict[str, str]:
        """Returns it as JSON has it."""
        return asdict(self)


@dataclass(frozen=True)
class _Runner:
    """A part of a SavedModel that runs nodes, such as a signature, and the unsafe ops that it may have."""

    by: str
    nodes: Iterable[Any]
    allowed: Collection[str] = ()


def find_unsafe_ops(graphs: Iterable[Any], folder: Path) -> list[UnsafeOp]:
    """Finds the unsafe ops of signatures, initialisers and the saver in a version's graphs; none: it only computes.

    A saver may read and write the model's variables, and an initialiser may read the version's own assets. Each op is
    named once for each that runs it.
    """
    runs = (run for graph in graphs for run in _runs(graph, folder))
    ops = (
        UnsafeOp(run.by, node.op, node.name, effect(node))
        for run in runs
        for node in run.nodes
        if node.op not in run.allowed
    )
    return list(dict.fromkeys(ops))


def refuse_unsafe_ops(graphs: Iterable[Any], folder: Path) -> None:
    """Checks that a version only computes.

    Raises:
        RequestError: It does more.
    """
    ops = find_unsafe_ops(graphs, folder)
    if ops:
        first = ops[0]
        count_note = f" ({len(ops) - 1} more)" if len(ops) > 1 else ""
        raise RequestError(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"{first.by} runs {first.op}, which {first.effect}{count_note}; `tfapp models check {folder}` shows all, "
            "and if you trust the model, `tfapp serve` and `tfapp models promote` take it with --allow-unsafe-ops",
        )


def _runs(graph: Any, folder: Path) -> Iterator[_Runner]:
    is_own_asset = [_is_own(folder, asset.filename) for asset in graph.asset_file_def]
    assets = list(graph.asset_file_def) or list(_collected_assets(graph))
    # Of two files for one node, a loader takes either.
    foreign_nodes = {node_name(asset.tensor_info.name) for asset in assets if not _is_own(folder, asset.filename)}
    walk = GraphWalk(graph, {node_name(asset.tensor_info.name) for asset in assets} - foreign_nodes)
    yield from _graph_runs(graph, walk)
    yield from _ObjectGraph(graph.object_graph_def, walk, is_own_asset).runs()


def _collected_assets(graph: Any) -> Iterator[Any]:
    """Yields the AssetFileDefs of TensorFlow 1, which loaders look for where the graph has none itself."""
    if _ASSETS in graph.collection_def:
        for value in graph.collection_def[_ASSETS].any_list.value:
            asset = meta_graph_pb2.AssetFileDef()
            # What is no asset to us ends the load.
            with contextlib.suppress(DecodeError):
                if value.Unpack(asset):
                    yield asset


def _graph_runs(graph: Any, walk: GraphWalk) -> Iterator[_Runner]:
    """Yields the names of the nodes that TensorFlow Serving runs."""
    for name, definition in graph.signature_def.items():
        init = name == _INIT_SIGNATURE
        outputs = [tensor for info in definition.outputs.values() for tensor in _tensors(info)]
        yield _Runner(_INIT if init else f"signature {name}", walk.from_nodes(outputs, with_assets=init))
    for key in _INIT_COLLECTIONS:
        if key in graph.collection_def:
            yield _Runner(_INIT, walk.from_nodes(graph.collection_def[key].node_list.value, with_assets=True))
    yield _Runner(_INIT, walk.from_nodes(_local_initializers(graph), with_assets=True))
    # Servers run what restores, and nobody but a training what saves.
    yield _Runner(_SAVER, walk.from_nodes([graph.saver_def.restore_op_name]), READER_OPS)
    yield _Runner(_SAVER, walk.from_nodes([graph.saver_def.save_tensor_name]), SAVER_OPS)


def _local_initializers(graph: Any) -> Iterator[str]:
    """Yields the nodes that set local variables, which the same loader runs, too."""
    if _LOCAL_VARIABLES in graph.collection_def:
        for variable in graph.collection_def[_LOCAL_VARIABLES].bytes_list.value:
            # What is no variable to us is none to the loader.
            with contextlib.suppress(DecodeError):
                yield variable_pb2.VariableDef.FromString(variable).initializer_name


@dataclass(frozen=True)
class _ObjectGraph:
    """The graph of saved objects, by which `tf.saved_model.load` finds the functions that it runs."""

    graph: Any
    walk: GraphWalk
    own_assets: Sequence[bool]

    def runs(self) -> Iterator[_Runner]:
        for index, node in enumerate(self.graph.nodes):
            for child in node.children:
                # The loader calls some of these, such as those that make and fill a table.
                if child.local_name.startswith("_"):
                    yield _Runner(_INIT, self._function(child.node_id, with_assets=True))
                elif node.user_object.identifier == "signature_map":
                    yield _Runner(f"signature {child.local_name}", self._function(child.node_id))
                elif index == 0 and child.local_name == "signatures":
                    for signature in self._node(child.node_id).children:
                        yield _Runner(f"signature {signature.local_name}", self._function(signature.node_id))
            for saveable in node.saveable_objects.values():
                # They give tensors to the loader's saver, and take them from it.
                for number in (saveable.save_function, saveable.restore_function):
                    yield _Runner(_INIT, self._function(number))

    def _function(self, number: int, *, with_assets: bool = False) -> Iterator[Any]:
        node = self._node(number)
        for name in (*node.function.concrete_functions, node.bare_concrete_function.concrete_function_name):
            is_concrete = name in self.graph.concrete_functions
            inputs = self.graph.concrete_functions[name].bound_inputs if is_concrete else ()
            # What a function holds comes after what it is called with.
            first = self.walk.arguments(name) - len(inputs)
            indices = {
                first + position for position, source in enumerate(inputs) if with_assets and self._is_own_asset(source)
            }
            yield from self.walk.from_function(name, indices)

    def _is_own_asset(self, number: int) -> bool:
        node = self._node(number)
        index = node.asset.asset_file_def_index
        return node.HasField("asset") and 0 <= index < len(self.own_assets) and self.own_assets[index]

    def _node(self, number: int) -> Any:
        nodes = self.graph.nodes
        return nodes[number] if 0 <= number < len(nodes) else type(nodes[0])()


def _tensors(info: Any) -> list[str]:
    sparse = info.coo_sparse
    parts = [tensor for part in info.composite_tensor.components for tensor in _tensors(part)]
    names = (info.name, sparse.values_tensor_name, sparse.indices_tensor_name, sparse.dense_shape_tensor_name)
    return [name for name in names if name] + parts


def _is_own(folder: Path, name: str) -> bool:
    """Returns whether an asset lies in the version's folder, and neither dots nor links lead out of it."""
    try:
        return (folder / "assets" / name).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        return False
