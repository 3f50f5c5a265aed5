"""Finds the nodes that a graph runs: from an output back through nodes, and through all functions that they call."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final

from tfapp.server.safety.unsafe_op_list import FILE_INPUTS, effect

__all__ = ["GraphWalk", "node_name"]

# They hand their inputs to a function as they are.
_CALLS: Final = ("PartitionedCall", "StatefulPartitionedCall")
# Their output is an asset's path if these inputs are: the first one, or all.
_FIRST: Final = ("Identity", "Reshape", "ExpandDims", "Squeeze")
_ALL: Final = ("Pack", "IdentityN")
_VARIABLE_USES: Final = ("VarIsInitializedOp", "AssignVariableOp", "ReadVariableOp")


class GraphWalk:
    """The nodes and functions of a MetaGraphDef, and which of its nodes hold the paths of the version's own assets."""

    def __init__(self, graph: Any, assets: Collection[str]) -> None:
        self._nodes = {node.name: node for node in graph.graph_def.node}
        self._functions = {function.signature.name: function for function in graph.graph_def.library.function}
        self._gradients = {
            gradient.function_name: gradient.gradient_func for gradient in graph.graph_def.library.gradient
        }
        self._alternatives: dict[bytes, list[str]] = {}
        for name, function in self._functions.items():
            if "api_implements" in function.attr:
                self._alternatives.setdefault(function.attr["api_implements"].s, []).append(name)
        self._assets = set(assets)
        self._assets |= self._asset_variables()

    def from_nodes(self, names: Iterable[str], *, with_assets: bool = False) -> Iterator[Any]:
        """Yields the NodeDefs with an unsafe op that some nodes of the graph need, and the functions they call.

        Args:
            names: The nodes, or tensors or control inputs of them.
            with_assets: Whether the run gets the assets' paths; otherwise it would take what the graph has there.
        """
        assets = self._assets if with_assets else frozenset[str]()
        pending_names, visits, functions = [node_name(name) for name in names], set[str](), _FunctionCalls()
        while pending_names:
            node = self._nodes.get(name := pending_names.pop())
            if node is None or name in visits:
                continue
            visits.add(name)
            pending_names += [node_name(source) for source in node.input]
            if self._is_unsafe(node, assets):
                yield node
            functions.add(self._function_calls(node, assets))
        yield from self._inside(functions)

    def from_function(self, name: str, assets: Collection[int] = ()) -> Iterator[Any]:
        """Yields the NodeDefs with an unsafe op in a function and in those that it calls.

        `assets` says which of its arguments are paths of own assets.
        """
        functions = _FunctionCalls()
        functions.add([(name, frozenset(assets))])
        yield from self._inside(functions)

    def arguments(self, name: str) -> int:
        """Returns the number of a function's arguments."""
        function = self._functions.get(name)
        return 0 if function is None else len(function.signature.input_arg)

    def _inside(self, functions: _FunctionCalls) -> Iterator[Any]:
        for name, arguments in functions:
            function = self._functions.get(name)
            if function is None:
                continue
            paths = {arg.name for i, arg in enumerate(function.signature.input_arg) if i in arguments}
            _spread(function.node_def, paths)
            for node in function.node_def:
                if self._is_unsafe(node, paths):
                    yield node
                functions.add(self._function_calls(node, paths))
            # A symbolic gradient of the function runs the one that is named for it.
            if name in self._gradients:
                functions.add([(self._gradients[name], frozenset[int]())])
            # TensorFlow's optimizer may take one for another.
            names = self._alternatives.get(function.attr["api_implements"].s, ()) if function.attr else ()
            functions.add((other, frozenset[int]()) for other in names if other != name)

    def _function_calls(self, node: Any, assets: Collection[str]) -> Iterator[tuple[str, frozenset[int]]]:
        arguments = frozenset(i for i, source in enumerate(_data_inputs(node)) if node_name(source) in assets)
        for name in _function_variables(node.attr.values()):
            yield name, arguments if node.op in _CALLS else frozenset()
        if node.op in self._functions:
            yield node.op, frozenset()

    def _is_unsafe(self, node: Any, assets: Collection[str]) -> bool:
        if not effect(node):
            return False
        position, sources = FILE_INPUTS.get(node.op), _data_inputs(node)
        return position is None or position >= len(sources) or node_name(sources[position]) not in assets

    def _asset_variables(self) -> set[str]:
        """Returns the reads of variables that hold only an asset's path, which is how TensorFlow 2 saves them."""
        users: dict[str, list[Any]] = {}
        for node in self._nodes.values():
            for source in _data_inputs(node):
                users.setdefault(node_name(source), []).append(node)
        function_variables = {
            inner_node.attr["shared_name"].s
            for function in self._functions.values()
            for inner_node in function.node_def
            if inner_node.op == "VarHandleOp"
        }
        graph_variables = [node.attr["shared_name"].s for node in self._nodes.values() if node.op == "VarHandleOp"]
        reads = set[str]()
        for handle in [node for node in self._nodes.values() if node.op == "VarHandleOp"]:
            uses, shared_name = users.get(handle.name, []), handle.attr["shared_name"].s
            values = [node_name(use.input[1]) for use in uses if use.op == "AssignVariableOp"]
            is_private = (
                all(use.op in _VARIABLE_USES for use in uses)
                and shared_name not in function_variables
                and graph_variables.count(shared_name) == 1
            )
            if is_private and values and all(value in self._assets for value in values):
                reads |= {use.name for use in uses if use.op == "ReadVariableOp"}
        return reads


class _FunctionCalls:
    """A list of functions to look into, once for each set of arguments that are assets; it may grow meanwhile."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, frozenset[int]], None] = {}

    def add(self, calls: Iterable[tuple[str, frozenset[int]]]) -> None:
        self._seen.update(dict.fromkeys(calls))

    def __iter__(self) -> Iterator[tuple[str, frozenset[int]]]:
        count = 0
        while count < len(self._seen):
            new = list(self._seen)[count:]
            count += len(new)
            yield from new


def node_name(tensor: str) -> str:
    """Returns the node of a tensor or of a control input: "a" of "a:0", "a:output:0" and "^a"."""
    return tensor.removeprefix("^").partition(":")[0]


def _spread(nodes: Sequence[Any], paths: set[str]) -> None:
    """Adds the nodes that hand an asset's path on; in functions they need not stand in order."""
    has_changes = bool(paths)
    while has_changes:
        additions = {node.name for node in nodes if _hands_on(node, paths)} - paths
        paths |= additions
        has_changes = bool(additions)


def _hands_on(node: Any, paths: Collection[str]) -> bool:
    sources = [node_name(source) for source in _data_inputs(node)]
    if node.op in _FIRST:
        sources = sources[:1]
    elif node.op not in _ALL:
        return False
    return bool(sources) and all(source in paths for source in sources)


def _data_inputs(node: Any) -> list[str]:
    return [source for source in node.input if not source.startswith("^")]


def _function_variables(values: Iterable[Any]) -> Iterator[str]:
    """Yields the functions that attributes name, and those that such a name carries as its own attributes."""
    for value in values:
        for function in [value.func] if value.HasField("func") else value.list.func:
            yield function.name
            yield from _function_variables(function.attr.values())
