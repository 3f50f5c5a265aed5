"""What JSON values a tensor of a dtype takes (AddValueToTensor in tensorflow_serving/util/json_tensor.cc)."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from typing import Any, Final, Protocol

import grpc
import numpy as np
from numpy.typing import NDArray
from tensorflow.core.framework import types_pb2

from tfapp.server.rest.documents import describe, type_name
from tfapp.server.status import RequestError, invalid_argument

__all__ = ["Kind", "check_decimal", "encoded", "is_base64", "kind_of"]

_BASE64: Final = "b64"


class Kind(Protocol):
    """The values of one dtype."""

    def all_at_once(self, values: list[Any], types: set[type]) -> NDArray[Any] | None:
        """Converts values of these types; None where one of them needs a look of its own."""

    def check(self, value: Any) -> Any:
        """Looks at one value.

        Returns:
            What `array` takes.

        Raises:
            RequestError: The dtype has no such value.
        """

    def array(self, checked: Sequence[Any]) -> NDArray[Any]:
        """Makes an array of one dimension."""


class _Number:
    """Numbers of a range.

    Args:
        name: TensorFlow's name of the dtype.
        dtype: NumPy's.
    """

    def __init__(self, name: str, dtype: type[np.generic]) -> None:
        self._name = name
        self._dtype = dtype

    def array(self, checked: Sequence[Any]) -> NDArray[Any]:
        return np.array(checked, self._dtype)

    def _wrong(self, value: Any) -> RequestError:
        return invalid_argument(
            f"JSON Value: {describe(value)} Type: {type_name(value)} is not of expected type: {self._name}"
        )


class _Decimals(_Number):
    """float and double; integers too, where they lose nothing."""

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
        return check_decimal(value, self._name, self._largest, self._largest_integer)


class _Integers(_Number):
    """Integers; 1.0 is none."""

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


class _Booleans(_Number):
    """true and false."""

    def all_at_once(self, values: list[Any], types: set[type]) -> NDArray[Any] | None:
        return None if types - {bool} else self.array(values)

    def check(self, value: Any) -> bool:
        if type(value) is not bool:
            raise self._wrong(value)
        return value


class _Strings(_Number):
    """Texts, and bytes as {"b64": "..."}."""

    def all_at_once(self, values: list[Any], types: set[type]) -> NDArray[Any] | None:
        return None if types - {str} else self.array([encoded(value) for value in values])

    def check(self, value: Any) -> bytes:
        if isinstance(value, dict):
            return _decoded(value)
        if type(value) is not str:
            raise self._wrong(value)
        return encoded(value)

    def array(self, checked: Sequence[Any]) -> NDArray[Any]:
        array = np.empty(len(checked), dtype=object)
        array[:] = checked
        return array


class _None(_Number):
    """The values of a dtype that JSON cannot give."""

    def all_at_once(self, _values: list[Any], _types: set[type]) -> NDArray[Any] | None:
        return None

    def check(self, value: Any) -> Any:
        raise RequestError(
            grpc.StatusCode.UNIMPLEMENTED, f"Conversion of JSON Value: {describe(value)} to type: {self._name}"
        )


_KINDS: Final[dict[int, Kind]] = {
    types_pb2.DT_FLOAT: _Decimals("float", np.float32),
    types_pb2.DT_DOUBLE: _Decimals("double", np.float64),
    types_pb2.DT_INT8: _Integers("int8", np.int8),
    types_pb2.DT_INT16: _Integers("int16", np.int16),
    types_pb2.DT_INT32: _Integers("int32", np.int32),
    types_pb2.DT_INT64: _Integers("int64", np.int64),
    types_pb2.DT_UINT8: _Integers("uint8", np.uint8),
    types_pb2.DT_UINT32: _Integers("uint32", np.uint32),
    types_pb2.DT_UINT64: _Integers("uint64", np.uint64),
    types_pb2.DT_BOOL: _Booleans("bool", np.bool_),
    types_pb2.DT_STRING: _Strings("string", np.object_),
}


def kind_of(dtype: int) -> Kind:
    """Finds what a dtype takes."""
    name = types_pb2.DataType.Name(dtype).removeprefix("DT_").lower()
    return _KINDS.get(dtype) or _None(name, np.object_)


def check_decimal(value: float, name: str, largest: float, largest_integer: int) -> float:
    """Checks that a number fits into a floating-point type.

    Raises:
        RequestError: It is too large, or an integer that would be rounded.
    """
    limit = largest_integer if isinstance(value, int) else largest
    if abs(value) > limit and math.isfinite(value):
        raise invalid_argument(f"Cannot convert JSON value: {describe(value)} to {name} without loss of precision.")
    return value


def is_base64(value: Any) -> bool:
    """Whether a JSON value stands for bytes."""
    return type(value) is dict and len(value) == 1 and type(value.get(_BASE64)) is str


def encoded(text: str) -> bytes:
    """The bytes of a JSON string.

    Raises:
        RequestError: Half a surrogate pair was written in it.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise invalid_argument("JSON Parse error: The surrogate pair in string is invalid.") from error


def _decoded(value: dict[str, Any]) -> bytes:
    if not is_base64(value):
        raise invalid_argument(f"JSON Value: {describe(value)} not formatted correctly for base64 data")
    text = "".join(value[_BASE64].split()).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid_argument("Unable to base64 decode") from error
