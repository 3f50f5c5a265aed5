"""Converts JSON values to arrays of each dtype (tensorflow_serving/util/json_tensor.cc)."""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from typing import Any, Final

import grpc
import numpy as np
from numpy.typing import NDArray
from tensorflow.core.framework import types_pb2

from tfapp.server.request_errors import RequestError, invalid_argument
from tfapp.server.rest.json_base64 import decode_base64
from tfapp.server.rest.json_parser import describe, type_name

__all__ = ["JsonDtype", "check_float", "json_dtype"]


class JsonDtype(abc.ABC):
    """A conversion of JSON values to a dtype of NumPy, with TensorFlow's name of it."""

    def __init__(self, name: str, dtype: type[np.generic]) -> None:
        self._name = name
        self._dtype = dtype

    @abc.abstractmethod
    def all_at_once(self, values: list[Any], types: set[type]) -> NDArray[Any] | None:
        """Converts values of these types; None where one of them needs a look of its own."""

    @abc.abstractmethod
    def check(self, value: Any) -> Any:
        """Checks one value, and returns it in the form that `array` takes.

        Raises:
            RequestError: The dtype has no such value.
        """

    def array(self, values: Sequence[Any]) -> NDArray[Any]:
        """Returns an array of one dimension."""
        return np.array(values, self._dtype)

    def _wrong(self, value: Any) -> RequestError:
        return invalid_argument(
            f"JSON Value: {describe(value)} Type: {type_name(value)} is not of expected type: {self._name}"
        )


class _FloatDtype(JsonDtype):
    """The conversion to float and double; of integers too, where they lose nothing."""

    def __init__(self, name: str, dtype: type[np.floating[Any]]) -> None:
        super().__init__(name, dtype)
        info = np.finfo(dtype)
        self._largest = float(info.max)
        self._largest_integer = 2 ** (info.nmant + 1) - 1

    def all_at_once(self, values: list[Any], types: set[type]) -> NDArray[Any] | None:
        if not types <= {int, float}:
            return None
        numbers = np.array(values, np.float64)
        limit = self._largest_integer if int in types else self._largest
        if np.any((np.abs(numbers) > limit) & np.isfinite(numbers)):
            return None
        return numbers.astype(self._dtype)

    def check(self, value: Any) -> float:
        if type(value) not in (int, float):
            raise self._wrong(value)
        return check_float(value, self._name, self._largest, self._largest_integer)


class _IntegerDtype(JsonDtype):
    """The conversion to integers; 1.0 is none."""

    def __init__(self, name: str, dtype: type[np.integer[Any]]) -> None:
        super().__init__(name, dtype)
        info = np.iinfo(dtype)
        self._low, self._high = int(info.min), int(info.max)

    def all_at_once(self, values: list[Any], types: set[type]) -> NDArray[Any] | None:
        if types - {int} or (values and (min(values) < self._low or max(values) > self._high)):
            return None
        return self.array(values)

    def check(self, value: Any) -> int:
        if type(value) is not int or not self._low <= value <= self._high:
            raise self._wrong(value)
        return value


class _BooleanDtype(JsonDtype):
    """The conversion of true and false."""

    def all_at_once(self, values: list[Any], types: set[type]) -> NDArray[Any] | None:
        return None if types - {bool} else self.array(values)

    def check(self, value: Any) -> bool:
        if type(value) is not bool:
            raise self._wrong(value)
        return value


class _StringDtype(JsonDtype):
    """The conversion of strings, and of bytes as {"b64": "..."}."""

    def all_at_once(self, values: list[Any], types: set[type]) -> NDArray[Any] | None:
        return None if types - {str} else self.array([_encode_text(value) for value in values])

    def check(self, value: Any) -> bytes:
        if isinstance(value, dict):
            return decode_base64(value)
        if type(value) is not str:
            raise self._wrong(value)
        return _encode_text(value)

    def array(self, values: Sequence[Any]) -> NDArray[Any]:
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array


class _UnsupportedDtype(JsonDtype):
    """The conversion to a dtype that JSON has no values for: each is refused."""

    def all_at_once(self, _values: list[Any], _types: set[type]) -> NDArray[Any] | None:
        return None

    def check(self, value: Any) -> Any:
        raise RequestError(
            grpc.StatusCode.UNIMPLEMENTED, f"Conversion of JSON Value: {describe(value)} to type: {self._name}"
        )


_DTYPES: Final[dict[int, JsonDtype]] = {
    types_pb2.DT_FLOAT: _FloatDtype("float", np.float32),
    types_pb2.DT_DOUBLE: _FloatDtype("double", np.float64),
    types_pb2.DT_INT8: _IntegerDtype("int8", np.int8),
    types_pb2.DT_INT16: _IntegerDtype("int16", np.int16),
    types_pb2.DT_INT32: _IntegerDtype("int32", np.int32),
    types_pb2.DT_INT64: _IntegerDtype("int64", np.int64),
    types_pb2.DT_UINT8: _IntegerDtype("uint8", np.uint8),
    types_pb2.DT_UINT32: _IntegerDtype("uint32", np.uint32),
    types_pb2.DT_UINT64: _IntegerDtype("uint64", np.uint64),
    types_pb2.DT_BOOL: _BooleanDtype("bool", np.bool_),
    types_pb2.DT_STRING: _StringDtype("string", np.object_),
}


def json_dtype(dtype: int) -> JsonDtype:
    """Returns the conversion to a dtype of TensorFlow."""
    name = types_pb2.DataType.Name(dtype).removeprefix("DT_").lower()
    return _DTYPES.get(dtype) or _UnsupportedDtype(name, np.object_)


def check_float(value: float, name: str, largest: float, largest_integer: int) -> float:
    """Checks that a number fits into a floating-point type.

    Raises:
        RequestError: It is too large, or an integer that would be rounded.
    """
    limit = largest_integer if isinstance(value, int) else largest
    if abs(value) > limit and math.isfinite(value):
        raise invalid_argument(f"Cannot convert JSON value: {describe(value)} to {name} without loss of precision.")
    return value


def _encode_text(text: str) -> bytes:
    """Returns the bytes of a JSON string.

    Raises:
        RequestError: Half a surrogate pair was written in it.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise invalid_argument("JSON Parse error: The surrogate pair in string is invalid.") from error
