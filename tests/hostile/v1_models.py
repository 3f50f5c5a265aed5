"""SavedModels of TensorFlow 1 with an op that writes a file in one of the places where something runs, or seems to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

import tensorflow as tf
from tensorflow.core.framework import variable_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from tests.hostile.graph_branches import Branches, Nodes

__all__ = ["PLACES", "write_v1_model"]

_v1 = tf.compat.v1
_INIT: Final = "__saved_model_init_op"
_SIGNATURE: Final = "serving_default"
_COLLECTIONS: Final = (
    *("table_initializer", "legacy_init_op", "saved_model_main_op", "saved_model_initializers"),
    *(
        "local_resources",
        "resources",
        "init_op",
        "local_init_op",
        "ready_op",
        "summary_op",
        "train_op",
        "asset_filepaths",
        "while_context",
        "savers",
    ),
)


def write_v1_model(folder: Path) -> Path:
    """Writes a version with a table of its own asset, a global and a local variable, and a function with a branch."""
    words = folder.parent / "words.txt"
    words.parent.mkdir(parents=True, exist_ok=True)
    words.write_text("a\nb\n")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def shout(text: tf.Tensor) -> tf.Tensor:
        return tf.cond(tf.size(text) > 1, lambda: tf.strings.upper(text), lambda: text)

    with tf.Graph().as_default(), _v1.Session() as session:
        text = _v1.placeholder(tf.string, [None], name="text")
        lines = tf.lookup.TextFileInitializer(
            str(words), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        table = tf.lookup.StaticHashTable(lines, -1)
        total = _v1.Variable(tf.constant(1, tf.int64), name="total")
        local = _v1.Variable(tf.constant(2, tf.int64), name="local", collections=["local_variables"])
        number = tf.add_n([table.lookup(text), tf.zeros_like(table.lookup(text)) + total + local], name="number")
        outputs = {"number": number, "upper": tf.identity(shout(text), name="upper")}
        session.run([_v1.global_variables_initializer(), _v1.local_variables_initializer()])
        builder = _v1.saved_model.Builder(str(folder))
        signature = _v1.saved_model.predict_signature_def({"text": text}, outputs)
        builder.add_meta_graph_and_variables(
            session, ["serve"], {_SIGNATURE: signature}, assets_collection=_v1.get_collection("asset_filepaths")
        )
        builder.save()
    return folder


def _in_output(branches: Branches) -> None:
    branches.graph.signature_def[_SIGNATURE].outputs["upper"].name = branches.add(branches.main, "text:0")


def _in_other_signature(branches: Branches) -> None:
    signatures = branches.graph.signature_def
    name = branches.source.choice(("other", "__saved_model_train_op", "_hidden"))
    signatures[name].CopyFrom(signatures[_SIGNATURE])
    signatures[name].outputs["upper"].name = branches.add(branches.main)


def _in_init_signature(branches: Branches) -> None:
    branches.graph.signature_def[_INIT].outputs[_INIT].name = _node(branches.add(branches.main))


def _in_collection(branches: Branches, key: str) -> None:
    branches.graph.collection_def[key].node_list.value.append(_node(branches.add(branches.main)))


def _in_variable(branches: Branches) -> None:
    """What sets a variable, or says how it was set."""
    key = branches.source.choice(("local_variables", "local_variables", "variables", "trainable_variables"))
    variables = branches.graph.collection_def[key].bytes_list.value
    variable = variable_pb2.VariableDef.FromString(variables[0])
    tensor = branches.add(branches.main)
    match branches.source.randrange(4):
        case 0 | 1:
            variable.initializer_name = _node(tensor)
        case 2:
            variable.initial_value_name = tensor
        case _:
            variable.snapshot_name = tensor
    variables[0] = variable.SerializeToString()


def _in_local_initializer(branches: Branches) -> None:
    variables = branches.graph.collection_def["local_variables"].bytes_list.value
    variable = variable_pb2.VariableDef.FromString(variables[0])
    variable.initializer_name = _node(branches.add(branches.main))
    variables[0] = variable.SerializeToString()


def _in_restore(branches: Branches) -> None:
    restore = branches.graph.saver_def.restore_op_name
    (node,) = (node for node in branches.main.nodes if node.name == restore)
    node.input.append(f"^{_node(branches.add(branches.main))}")


def _before_any_node(branches: Branches) -> None:
    node = branches.source.choice(list(branches.main.nodes))
    node.input.append(f"^{_node(branches.add(branches.main))}")


def _before_any_node_of_a_function(branches: Branches) -> None:
    function = branches.source.choice(list(branches.graph.graph_def.library.function))
    node = branches.source.choice(list(function.node_def))
    node.input.append(f"^{_node(branches.add(Nodes(function.node_def, is_function=True)))}")


def _behind_any_function(branches: Branches) -> None:
    """A node that only a control output of the function needs."""
    function = branches.source.choice(list(branches.graph.graph_def.library.function))
    node = _node(branches.add(Nodes(function.node_def, is_function=True)))
    function.control_ret["sly"] = node
    function.signature.control_output.append("sly")
    function.signature.is_stateful = True


def _as_gradient_of_any_function(branches: Branches) -> None:
    library = branches.graph.graph_def.library
    name = branches.source.choice(list(library.function)).signature.name
    library.gradient.add(function_name=name, gradient_func=branches.function(0))


def _in_place_of_any_function(branches: Branches) -> None:
    library = branches.graph.graph_def.library
    function = branches.source.choice(list(library.function))
    name = branches.function(0)
    for other in (function, next(f for f in library.function if f.signature.name == name)):
        other.attr["api_implements"].s = b"same"


def _as_asset(branches: Branches) -> None:
    asset = meta_graph_pb2.AssetFileDef(filename="words.txt")
    asset.tensor_info.name = branches.add(branches.main)
    branches.graph.collection_def["saved_model_assets"].any_list.value.add().Pack(asset)


def _in_any_collection(branches: Branches) -> None:
    _in_collection(branches, branches.source.choice(_COLLECTIONS))


def _node(tensor: str) -> str:
    return tensor.partition(":")[0]


PLACES: Final[Mapping[str, Callable[[Branches], None]]] = MappingProxyType(
    {
        "output": _in_output,
        "table initialisers": partial(_in_collection, key="table_initializer"),
        "legacy init op": partial(_in_collection, key="legacy_init_op"),
        "main op": partial(_in_collection, key="saved_model_main_op"),
        "init signature": _in_init_signature,
        "local initialiser": _in_local_initializer,
        "restore": _in_restore,
        "other signature": _in_other_signature,
        "collection": _in_any_collection,
        "variable": _in_variable,
        "node": _before_any_node,
        "node of a function": _before_any_node_of_a_function,
        "control output": _behind_any_function,
        "gradient": _as_gradient_of_any_function,
        "api_implements": _in_place_of_any_function,
        "asset": _as_asset,
    }
)
"""Put a branch into a part of the graph."""
