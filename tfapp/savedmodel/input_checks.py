"""The checks of a request's shapes in the exported graph itself, so that every server that runs it has them.

No server compares ranks with the signature, and TensorFlow's string ops end the process at some shapes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import tensorflow as tf

__all__ = ["check_inputs", "input_spec", "name_input_shapes", "unchecked_inputs"]

# A value for each row.
_SHAPE: Final = (None,)
_CHECK: Final = "EnsureShape"


def input_spec(name: str) -> tf.TensorSpec:
    """Returns the spec that a signature's input is traced with.

    Its rank is unknown, for what TensorFlow knows while it traces or optimizes a graph it need not check when it runs.
    """
    return tf.TensorSpec(None, tf.string, name=name)


def check_inputs(inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Checks a request's tensors when the graph runs, which fails as INVALID_ARGUMENT where one has another shape.

    The inputs were traced with `input_spec`. Returns the same, string[N] each with the same N, to be read instead.
    """
    (first, rows), *others = ((name, tf.ensure_shape(tensor, _SHAPE, name=name)) for name, tensor in inputs.items())
    checks = [
        tf.raw_ops.Assert(
            condition=tf.equal(tf.size(rows), tf.size(tensor)),
            data=[f"{first} and {name} must have the same number of rows, got", tf.size(rows), tf.size(tensor)],
        )
        for name, tensor in others
    ]
    tensors = {first: rows} | dict(others)
    if not checks:
        return tensors
    with tf.control_dependencies(checks):
        return {name: tf.identity(tensor) for name, tensor in tensors.items()}


def name_input_shapes(graph: Any) -> None:
    """Writes the inputs' shapes into a MetaGraphDef's SignatureDefs, where clients and servers read them.

    Tracing left them open.
    """
    for definition in graph.signature_def.values():
        for info in definition.inputs.values():
            info.tensor_shape.Clear()
            info.tensor_shape.dim.add(size=-1)


def unchecked_inputs(graph: Any) -> list[str]:
    """Lists the inputs that a MetaGraphDef reads in any other way than to check their shape, as SIGNATURE/INPUT."""
    functions = {function.signature.name: function for function in graph.graph_def.library.function}
    return [
        f"{key}/{alias}"
        for key, definition in sorted(graph.signature_def.items())
        for alias, info in sorted(definition.inputs.items())
        if not _is_checked(info.name.partition(":")[0], graph.graph_def.node, functions)
    ]


def _is_checked(tensor: str, nodes: Iterable[Any], functions: Mapping[str, Any]) -> bool:
    """Returns whether all nodes that read a tensor check its shape, or pass it to functions in which all do."""
    readers = [(node, node.input[:].index(tensor)) for node in nodes if tensor in node.input]
    return bool(readers) and all(_checks(node, position, functions) for node, position in readers)


def _checks(node: Any, position: int, functions: Mapping[str, Any]) -> bool:
    if node.op == _CHECK:
        return len(node.attr["shape"].shape.dim) == len(_SHAPE)
    function = functions.get(node.attr["f"].func.name)
    if function is None:
        return False
    return _is_checked(function.signature.input_arg[position].name, function.node_def, functions)
