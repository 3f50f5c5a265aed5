"""Builds the graph of an ONNX model, operation by operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from tfapp.version import __version__

if TYPE_CHECKING:
    import onnx

__all__ = ["Graph", "Value"]

Value: TypeAlias = str
"""The name of a tensor in a graph."""
TensorForm: TypeAlias = tuple[type[np.generic], Sequence[str | int]]

# The first with Gelu's tanh form; ONNX Runtime has it since 1.17, OpenVINO since 2024.0.
_OPSET: Final = 20
_IR_VERSION: Final = 10
_EPSILON: Final = 1e-12


class Graph:
    """An ONNX graph that grows by the operations that are called; values are float32 unless it says otherwise.

    Attributes:
        inputs: Type and shape of each input; a dimension that has a name may have any size.
        outputs: Those of each output.
    """

    def __init__(self) -> None:
        self.inputs: dict[str, TensorForm] = {}
        self.outputs: dict[str, TensorForm] = {}
        self._names: dict[Value, str] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def input(self, name: str, dtype: type[np.generic], shape: Sequence[str | int]) -> Value:
        """Adds an input."""
        self.inputs[name] = dtype, shape
        return name

    def output(self, name: str, value: Value, dtype: type[np.generic], shape: Sequence[str | int]) -> None:
        """Makes a value an output of the graph."""
        # By its own name: some runtimes drop a node that does nothing, and with it the name.
        self._names[value] = name
        self.outputs[name] = dtype, shape

    def weight(self, value: ArrayLike, dtype: type[np.generic] = np.float32, *, name: str = "constant") -> Value:
        """Adds a tensor of numbers."""
        from onnx import numpy_helper

        unique_name = f"{name}_{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(np.asarray(value, dtype)), unique_name))
        return unique_name

    def integers(self, *values: int) -> Value:
        """Adds a vector of int64."""
        return self.weight(values, np.int64)

    def op(self, kind: str, *inputs: Value, **attributes: Any) -> Value:
        """Adds an operation of ONNX by its name, and returns its output, or the first of several."""
        from onnx import helper

        name = f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [f"{name}_0"], name=name, **attributes))
        return f"{name}_0"

    def dense(self, x: Value, kernel: ArrayLike, bias: ArrayLike, *, name: str) -> Value:
        """Multiplies [..., I] with a kernel [I, O] and adds a bias [O]."""
        product = self.op("MatMul", x, self.weight(kernel, name=f"{name}.kernel"))
        return self.op("Add", product, self.weight(bias, name=f"{name}.bias"))

    def norm(self, x: Value, layer: Any, *, name: str) -> Value:
        """Normalizes the last axis as a Keras layer does."""
        weights = (self.weight(getattr(layer, part), name=f"{name}.{part}") for part in ("gamma", "beta"))
        return self.op("LayerNormalization", x, *weights, epsilon=_EPSILON)

    def reshape(self, x: Value, *shape: int) -> Value:
        """Reshapes; 0 keeps a dimension, -1 stands for the one that follows from the others."""
        return self.op("Reshape", x, self.integers(*shape))

    def cast(self, x: Value, dtype: type[np.generic]) -> Value:
        """Casts to another type."""
        return self.op("Cast", x, to=_element_type(dtype))

    def slice(self, x: Value, start: int, end: int, *, axis: int, step: int = 1) -> Value:
        """Slices along one axis."""
        return self.op("Slice", x, *(self.integers(value) for value in (start, end, axis, step)))

    def sum(self, x: Value, axis: int, *, keep: bool = False) -> Value:
        """Sums over one axis."""
        return self.op("ReduceSum", x, self.integers(axis), keepdims=int(keep))

    def max(self, x: Value, axis: int, *, keep: bool = False) -> Value:
        """Takes the greatest along one axis."""
        return self.op("ReduceMax", x, self.integers(axis), keepdims=int(keep))

    def unit_length(self, x: Value) -> Value:
        """Divides the vectors of the last axis by their lengths; a zero vector stays one."""
        square = self.sum(self.op("Mul", x, x), -1, keep=True)
        return self.op("Div", x, self.op("Sqrt", self.op("Max", square, self.weight(_EPSILON**2))))

    def model(self, description: str) -> onnx.ModelProto:
        """Returns the whole model, checked."""
        import onnx
        from onnx import helper

        inputs, outputs = (
            [helper.make_tensor_value_info(name, _element_type(dtype), list(shape)) for name, (dtype, shape) in forms]
            for forms in (self.inputs.items(), self.outputs.items())
        )
        for node in self._nodes:
            node.input[:] = [self._names.get(value, value) for value in node.input]
            node.output[:] = [self._names.get(value, value) for value in node.output]
        graph = helper.make_graph(self._nodes, "tfapp", inputs, outputs, self._weights)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=_IR_VERSION,
            producer_name="tfapp",
            producer_version=__version__,
            doc_string=description,
        )
        onnx.checker.check_model(model, full_check=True)
        return model


def _element_type(dtype: type[np.generic]) -> int:
    from onnx import helper

    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
