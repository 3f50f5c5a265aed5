"""Converts TensorProtos to arrays and back, with TensorFlow Serving's checks and texts.

Source: tensorflow_serving/servables/tensorflow/predict_util.cc.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.framework import types_pb2
from tfapp_client import codec

from tfapp.server.request_errors import RequestError, invalid_argument

__all__ = ["as_array", "as_tensor", "check_outputs", "read_inputs", "write_outputs"]

# A tensor of a few bytes may claim any shape, to be filled up with its last value: more than so many bytes are not.
_MOST_FILLED: Final = 1 << 20
# The most bytes of copies of a last string.
_MOST_FILLED_TEXT: Final = 64 << 20
# The most bytes that one byte on the wire stands for: a small int64.
_WIDEST: Final = 8
_MOST_DIMENSIONS_OF_STRINGS: Final = 32
# NumPy's limit.
_MOST_DIMENSIONS: Final = 64
_MOST_ELEMENTS: Final = 1 << 31


def read_inputs(
    tensors: Mapping[str, Any], signature: Any, check_shape: Callable[[str, Sequence[int]], object] | None = None
) -> dict[str, NDArray[Any]]:
    """Decodes a request's TensorProtos by alias into arrays, those that the SignatureDef has defaults for included.

    `check_shape` refuses an input by its alias and shape, before there is memory for it.

    Raises:
        RequestError: A tensor is missing, too many or malformed.
    """
    _check_names(set(tensors), set(signature.inputs), set(signature.defaults))
    arrays = {}
    for alias in sorted(signature.inputs):
        if alias not in tensors and alias not in signature.defaults:
            raise _missing_input(alias, tensors, signature)
        tensor = tensors[alias] if alias in tensors else signature.defaults[alias]
        shape = [dim.size for dim in tensor.tensor_shape.dim]
        if check_shape is not None and _is_shape_of_array(shape):
            check_shape(alias, shape)
            _check_filled_text(alias, tensor, math.prod(shape))
        try:
            arrays[alias] = codec.decode(tensor, max_bytes=max(_MOST_FILLED, _WIDEST * tensor.ByteSize()))
        except ValueError as error:
            raise invalid_argument(f"tensor parsing error: {alias}") from error
    _check_sent_dtypes(tensors, signature)
    return arrays


def _check_filled_text(alias: str, tensor: Any, count: int) -> None:
    """Checks how often a tensor's last string is repeated: it stands for all that were not sent, a copy for each."""
    strings = tensor.string_val
    copies = count - len(strings)
    if not strings or copies <= 0:
        return
    size = len(strings[-1])
    if copies * size > _MOST_FILLED_TEXT:
        raise invalid_argument(
            f"input {alias} repeats a string of {size} bytes {copies} times; at most {_MOST_FILLED_TEXT} bytes are "
            "made so: send the strings themselves, or fewer a request"
        )


def check_outputs(names: Sequence[str], signature: Any) -> list[str]:
    """Checks an output_filter, and returns the aliases to answer; all where none is named.

    Raises:
        RequestError: An alias is unknown or named twice.
    """
    aliases = sorted(signature.outputs)
    for at, name in enumerate(names):
        if name not in signature.outputs:
            raise invalid_argument(
                f"output tensor alias not found in signature: {name} "
                f"Outputs expected to be in the set {{{','.join(aliases)}}}."
            )
        if name in names[:at]:
            raise invalid_argument(f"duplicate output tensor alias: {name}")
    return list(names) or aliases


def write_outputs(arrays: Mapping[str, NDArray[Any]], outputs: Any) -> None:
    """Encodes arrays into the outputs of an answer."""
    for alias, array in arrays.items():
        codec.write(outputs[alias], array)


def as_tensor(array: NDArray[Any], dtype: int) -> tf.Tensor:
    """Returns a tensor for the model; bfloat16 comes as float32 from the wire.

    Raises:
        RequestError: It has strings in more dimensions than TensorFlow's Python can carry.
    """
    _check_rank(array.ndim, strings=dtype == types_pb2.DT_STRING)
    return tf.constant(array, dtype=tf.as_dtype(dtype))


def as_array(tensor: tf.Tensor) -> NDArray[Any]:
    """Returns the array of a tensor that the model answered.

    Raises:
        RequestError: It has strings in more dimensions than TensorFlow's Python can carry.
    """
    if tensor.dtype == tf.string:
        _check_rank(tensor.shape.rank, strings=True)
    return np.asarray(tensor.numpy())


def _check_rank(rank: int, *, strings: bool) -> None:
    """Checks the rank: TensorFlow copies strings through a buffer of 32 dimensions, past whose end it writes."""
    if strings and rank > _MOST_DIMENSIONS_OF_STRINGS:
        raise invalid_argument(
            f"a tensor of strings has at most {_MOST_DIMENSIONS_OF_STRINGS} dimensions on this server, got {rank}"
        )


def _check_names(names: set[str], expected: set[str], defaults: set[str]) -> None:
    extra_names, missing_names = sorted(names - expected), sorted(expected - names - defaults)
    # As many as expected, but wrong ones: told by the first that is missing.
    if len(names) == len(expected) or not (extra_names or missing_names):
        return
    raise invalid_argument(
        f"input size does not match signature: {len(names)}!={len(expected)} "
        f"len({_braces(names)}) != len({_braces(expected)}). "
        f"Sent extra: {_braces(extra_names)}. Missing but required: {_braces(missing_names)}."
    )


def _missing_input(alias: str, tensors: Iterable[str], signature: Any) -> RequestError:
    return invalid_argument(
        f"Signature input alias: {alias}(feed name: {signature.inputs[alias].name}) not found in request and no "
        f"default value provided. Inputs expected to be in the request {_braces(tensors)}, "
        f"or default input alias set: {','.join(sorted(signature.defaults))}"
    )


def _is_shape_of_array(shape: Sequence[int]) -> bool:
    """Returns whether an array could have a shape; TensorFlow Serving calls any other one malformed."""
    if len(shape) > _MOST_DIMENSIONS or min(shape, default=0) < 0:
        return False
    return math.prod(shape) <= _MOST_ELEMENTS


def _check_sent_dtypes(tensors: Mapping[str, Any], signature: Any) -> None:
    for at, alias in enumerate(sorted(signature.inputs)):
        expected = signature.inputs[alias].dtype
        if alias in tensors and tensors[alias].dtype != expected:
            raise invalid_argument(
                f"Expects arg[{at}] to be {_dtype_name(expected)} but {_dtype_name(tensors[alias].dtype)} is provided"
            )


def _dtype_name(dtype: int) -> str:
    return types_pb2.DataType.Name(dtype).removeprefix("DT_").lower()


def _braces(names: Iterable[str]) -> str:
    return f"{{{','.join(sorted(names))}}}"
