"""Nodes and functions that an attack adds to a saved graph: an op that writes a file, behind calls of functions.

A function takes a text and returns it, so that any call may stand where another one does.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import tensorflow as tf
from tensorflow.core.framework import attr_value_pb2

__all__ = ["CALLS", "OPS", "Branches", "Nodes"]

_STRING: Final = tf.string.as_datatype_enum

_FunctionCall: TypeAlias = Callable[["Branches", "Nodes", str, int], str]


@dataclass(frozen=True)
class Nodes:
    """The nodes of a graph, or of a function, which names a tensor by the op's output, too."""

    nodes: Any
    is_function: bool

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Adds a node and returns its name."""
        name = f"sly_{len(self.nodes)}"
        node = self.nodes.add(name=name, op=op, input=inputs)
        for key, value in attributes.items():
            node.attr[key].CopyFrom(value if isinstance(value, attr_value_pb2.AttrValue) else _attribute(value))
        return name

    def constant(self, value: Any) -> str:
        """Adds a constant and returns its tensor."""
        tensor = tf.make_tensor_proto(value)
        attribute = attr_value_pb2.AttrValue(tensor=tensor)
        return self.output(self.add("Const", dtype=attr_value_pb2.AttrValue(type=tensor.dtype), value=attribute))

    def output(self, node: str, name: str = "output") -> str:
        """Returns the first tensor of a node's output."""
        return f"{node}:{name}:0" if self.is_function else f"{node}:0"


class Branches:
    """The branches of a graph that write a file.

    Args:
        graph: The MetaGraphDef that they are added to.
        target: What is written.
        source: Draws what is not said.
        op: The op's name, of `OPS`; empty: any.
        calls: The calls of functions that the op is behind, of `CALLS`, the outermost first; None: any.

    Attributes:
        graph: The same.
        source: The same.
        main: The graph's own nodes.
        op: The op's name.
        calls: The calls.
    """

    def __init__(
        self, graph: Any, target: str, source: random.Random, op: str = "", calls: tuple[str, ...] | None = None
    ) -> None:
        self.graph = graph
        self.source = source
        self.main = Nodes(graph.graph_def.node, is_function=False)
        self.op = op or source.choice(list(OPS))
        self.calls = tuple(source.choices(list(CALLS), k=source.choice((0, 0, 1, 2)))) if calls is None else calls
        self._target = target

    def add(self, nodes: Nodes, value: str = "", depth: int = 0) -> str:
        """Adds a branch that passes a text on and writes the file, and returns its tensor.

        Args:
            nodes: Where.
            value: The text's tensor; empty: a constant.
            depth: How many of the calls are around it.
        """
        value = value or nodes.constant("a text")
        if depth == len(self.calls):
            op = OPS[self.op](nodes, self._target)
            return nodes.output(nodes.add("Identity", value, f"^{op}", T=_type()))
        return CALLS[self.calls[depth]](self, nodes, value, depth + 1)

    def function(self, depth: int | None) -> str:
        """Adds a function to the library and returns its name.

        Args:
            depth: How many of the calls are around it; None: it writes nothing.
        """
        library = self.graph.graph_def.library
        function = library.function.add()
        # A process knows a function by its name, whatever model it came with.
        function.signature.name = name = f"sly_{self.source.randrange(1 << 62)}"
        function.signature.is_stateful = True
        function.signature.input_arg.add(name="x", type=_STRING)
        function.signature.output_arg.add(name="y", type=_STRING)
        nodes = Nodes(function.node_def, is_function=True)
        if depth is None:
            function.ret["y"] = nodes.output(nodes.add("Identity", "x", T=_type()))
        else:
            function.ret["y"] = self.add(nodes, "x", depth)
        return name


def _type() -> attr_value_pb2.AttrValue:
    return attr_value_pb2.AttrValue(type=_STRING)


def _types(count: int = 1) -> attr_value_pb2.AttrValue:
    return attr_value_pb2.AttrValue(list=attr_value_pb2.AttrValue.ListValue(type=[_STRING] * count))


def _function(*names: str) -> attr_value_pb2.AttrValue:
    functions = [attr_value_pb2.NameAttrList(name=name) for name in names]
    if len(functions) == 1:
        return attr_value_pb2.AttrValue(func=functions[0])
    return attr_value_pb2.AttrValue(list=attr_value_pb2.AttrValue.ListValue(func=functions))


def _shapes(count: int = 1) -> attr_value_pb2.AttrValue:
    shapes = [tf.TensorShape(None).as_proto()] * count
    return attr_value_pb2.AttrValue(list=attr_value_pb2.AttrValue.ListValue(shape=shapes))


def _attribute(value: Any) -> attr_value_pb2.AttrValue:
    return attr_value_pb2.AttrValue(s=value) if isinstance(value, bytes) else attr_value_pb2.AttrValue(i=value)


def _write_file(nodes: Nodes, target: str) -> str:
    return nodes.add("WriteFile", nodes.constant(target), nodes.constant("written"))


def _save(nodes: Nodes, target: str) -> str:
    inputs = [nodes.constant(value) for value in (target, ["a"], [""], "written")]
    return nodes.add("SaveV2", *inputs, dtypes=_types())


def _print(nodes: Nodes, target: str) -> str:
    return nodes.add("PrintV2", nodes.constant("written"), output_stream=f"file://{target}".encode(), end=b"\n")


OPS: Final[Mapping[str, Callable[[Nodes, str], str]]] = MappingProxyType(
    {"WriteFile": _write_file, "SaveV2": _save, "PrintV2": _print}
)
"""Add an op that writes a file, and return the node."""


def _partitioned_call(branches: Branches, nodes: Nodes, value: str, depth: int) -> str:
    op = branches.source.choice(("PartitionedCall", "StatefulPartitionedCall"))
    call = nodes.add(op, value, Tin=_types(), Tout=_types(), f=_function(branches.function(depth)))
    return nodes.output(call)


def _named_call(branches: Branches, nodes: Nodes, value: str, depth: int) -> str:
    """A node whose op is the function's name, as old graphs have it."""
    return nodes.output(nodes.add(branches.function(depth), value), "y")


def _if(branches: Branches, nodes: Nodes, value: str, depth: int) -> str:
    functions = {"then_branch": branches.function(depth), "else_branch": branches.function(None)}
    types = {"Tcond": attr_value_pb2.AttrValue(type=tf.bool.as_datatype_enum), "Tin": _types(), "Tout": _types()}
    attributes = {name: _function(function) for name, function in functions.items()}
    op = branches.source.choice(("If", "StatelessIf"))
    return nodes.output(nodes.add(op, nodes.constant(True), value, **types, **attributes))


def _case(branches: Branches, nodes: Nodes, value: str, depth: int) -> str:
    functions = _function(branches.function(None), branches.function(depth))
    index = nodes.constant(tf.constant(1).numpy())
    return nodes.output(nodes.add("Case", index, value, Tin=_types(), Tout=_types(), branches=functions))


def _gradient(branches: Branches, nodes: Nodes, value: str, depth: int) -> str:
    """The gradient of a function for which the library names another one."""
    library, plain = branches.graph.graph_def.library, branches.function(None)
    gradient = branches.function(depth)
    library.gradient.add(function_name=plain, gradient_func=gradient)
    signature = next(f.signature for f in library.function if f.signature.name == gradient)
    signature.input_arg.add(name="dy", type=_STRING)
    call = nodes.add("SymbolicGradient", value, value, Tin=_types(2), Tout=_types(), f=_function(plain))
    return nodes.output(call)


def _dataset(branches: Branches, nodes: Nodes, value: str, depth: int) -> str:
    """The only element of a data set that is mapped by the function."""
    elements = {"output_types": _types(), "output_shapes": _shapes()}
    data = nodes.output(nodes.add("TensorDataset", value, Toutput_types=_types(), output_shapes=_shapes()), "handle")
    mapped = nodes.add("MapDataset", data, f=_function(branches.function(depth)), Targuments=_types(0), **elements)
    return nodes.output(nodes.add("DatasetToSingleElement", nodes.output(mapped, "handle"), **elements), "components")


CALLS: Final[Mapping[str, _FunctionCall]] = MappingProxyType(
    {
        "partitioned call": _partitioned_call,
        "named call": _named_call,
        "if": _if,
        "case": _case,
        "gradient": _gradient,
        "data set": _dataset,
    }
)
"""Add a call of a function, and return its tensor."""
