"""Converts NumPy arrays to TensorProto and back, without a Python loop over numbers.

Works on any class with TensorProto's fields: this package's own, or TensorFlow's. Sources of the format:
tensorflow/core/framework/tensor.proto and tensor.cc.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tfapp_client.messages import TensorProto

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["DTYPE_NAMES", "as_array", "decode", "decode_text", "encode", "write"]

STRING: Final = 7
_BFLOAT16: Final = 14


@dataclass(frozen=True)
class _Format:
    """The wire format of one dtype.

    Attributes:
        name: TensorFlow's name of the dtype.
        content: The numbers in `tensor_content`, little-endian.
        field: The repeated field that holds them otherwise.
        item: What one item of that field is read as, before it is cut or viewed as `content`.
    """

    name: str
    content: np.dtype[Any]
    field: str
    item: np.dtype[Any]


def _format(name: str, content: str, field: str, item: str | None = None) -> _Format:
    return _Format(name, np.dtype(content), field, np.dtype(item or content))


_FORMATS: Final[dict[int, _Format]] = {
    1: _format("float32", "<f4", "float_val"),
    2: _format("float64", "<f8", "double_val"),
    3: _format("int32", "<i4", "int_val"),
    4: _format("uint8", "u1", "int_val", "<i4"),
    5: _format("int16", "<i2", "int_val", "<i4"),
    6: _format("int8", "i1", "int_val", "<i4"),
    8: _format("complex64", "<c8", "scomplex_val", "<f4"),
    9: _format("int64", "<i8", "int64_val"),
    10: _format("bool", "?", "bool_val"),
    _BFLOAT16: _format("bfloat16", "<u2", "half_val", "<i4"),
    17: _format("uint16", "<u2", "int_val", "<i4"),
    18: _format("complex128", "<c16", "dcomplex_val", "<f8"),
    19: _format("float16", "<f2", "half_val", "<i4"),
    22: _format("uint32", "<u4", "uint32_val"),
    23: _format("uint64", "<u8", "uint64_val"),
}
_CODES: Final = {form.name: code for code, form in _FORMATS.items()}
DTYPE_NAMES: Final[dict[int, str]] = {**{code: form.name for code, form in _FORMATS.items()}, STRING: "string"}

# An answer or a request of a few bytes may claim any shape; nothing larger than this is filled in.
_MAX_BYTES: Final = 1 << 31
# NumPy's limit. The product of any number of sizes would be a number as long as the message.
_MAX_DIMENSIONS: Final = 64
# What 64 bits take, as protobuf's own parser has it.
_MAX_VARINT_BYTES: Final = 10
_UINT64: Final = (1 << 64) - 1


def encode(value: ArrayLike | Sequence[str] | Sequence[bytes], tensor_class: Any = TensorProto) -> Any:
    """Encodes an array.

    Args:
        value: An array of numbers, truth values, str or bytes; or nested lists of them. str is sent as UTF-8. Numbers
            of plain Python become float32 and int32 (int64 where they need it), as TensorFlow has it; an array keeps
            its dtype. An ml_dtypes bfloat16 array is sent as such.
        tensor_class: The message class to make.

    Returns:
        The tensor: numbers in `tensor_content`, strings in `string_val`.

    Raises:
        TypeError: The dtype has no counterpart, or a list mixes strings with something else.
        ValueError: The lists are ragged, or a str holds lone surrogates.
    """
    tensor = tensor_class()
    write(tensor, value)
    return tensor


def write(tensor: Any, value: ArrayLike | Sequence[str] | Sequence[bytes]) -> None:
    """Encodes an array into an empty message, such as one that a request holds already; otherwise as `encode`."""
    array = as_array(value)
    if array.dtype.kind in "OUST":
        tensor.dtype = STRING
        tensor.string_val.extend(_as_bytes(array))
    else:
        tensor.dtype, wire_dtype = _wire_dtype(array.dtype)
        tensor.tensor_content = array.astype(wire_dtype, copy=False).tobytes()
    shape = tensor.tensor_shape
    # A scalar's shape has no dimensions, but it is there.
    shape.SetInParent()
    for size in array.shape:
        shape.dim.add().size = size


@lru_cache(maxsize=64)
def _wire_dtype(dtype: np.dtype[Any]) -> tuple[int, np.dtype[Any]]:
    """Returns TensorFlow's code of a dtype of numbers, and that dtype in the wire's byte order."""
    code = _CODES.get(dtype.name)
    if code is None:
        raise TypeError(f"cannot send an array of dtype {dtype}; expected numbers, bool, str or bytes")
    return code, dtype.newbyteorder("<")


def decode(tensor: Any, *, max_bytes: int = _MAX_BYTES) -> NDArray[Any]:
    """Decodes a tensor from `tensor_content` or from its `*_val` field.

    Args:
        tensor: A TensorProto.
        max_bytes: Refuse a tensor that would take more memory.

    Returns:
        The array, writable. Strings come as an object array of bytes; bfloat16 comes as float32.

    Raises:
        ValueError: The message is malformed: no or unknown dtype, a negative size, too few bytes.
    """
    if len(tensor.tensor_shape.dim) > _MAX_DIMENSIONS:
        raise ValueError(f"a tensor has at most {_MAX_DIMENSIONS} dimensions, got {len(tensor.tensor_shape.dim)}")
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    if tensor.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise ValueError(f"a tensor needs a known shape, got {shape}")
    count = math.prod(shape)
    if tensor.dtype == STRING:
        _check_size(count * np.dtype(object).itemsize, max_bytes)
        return _decode_strings(tensor, count).reshape(shape)
    form = _FORMATS.get(tensor.dtype)
    if form is None:
        raise ValueError(f"unknown dtype {tensor.dtype}")
    _check_size(count * form.content.itemsize, max_bytes)
    # Each look at a field of bytes copies it.
    content = tensor.tensor_content
    numbers = _content_numbers(content, form, count) if content else _field_numbers(tensor, form, count)
    if tensor.dtype == _BFLOAT16:
        numbers = (numbers.astype(np.uint32) << 16).view(np.float32)
    return numbers.reshape(shape)


def decode_text(array: NDArray[Any]) -> list[Any]:
    """Turns an object array of bytes into nested lists of str; bytes that are no UTF-8 are replaced by U+FFFD."""
    text = [item.decode("utf-8", "replace") for item in array.ravel().tolist()]
    if array.ndim == 1:
        return text
    strings = np.empty(len(text), dtype=object)
    strings[:] = text
    return strings.reshape(array.shape).tolist()


def as_array(value: Any) -> NDArray[Any]:
    """Makes the array that `encode` sends."""
    if isinstance(value, (np.ndarray, np.generic)):
        return np.asarray(value)
    # An array of NumPy's own string dtype would take the longest text's room for each and drop trailing zeros.
    if isinstance(_first_leaf(value), (str, bytes)):
        return np.array(value, dtype=object)
    array = np.asarray(value)
    if not hasattr(value, "__array__"):
        array = _as_tensorflow_would(array)
    return array


def _first_leaf(value: Any) -> Any:
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return value


def _as_tensorflow_would(array: NDArray[Any]) -> NDArray[Any]:
    """Narrows Python's one float and one int to float32 and int32, which models mostly take."""
    if array.dtype == np.float64:
        return array.astype(np.float32)
    int32_range = np.iinfo(np.int32)
    if array.dtype == np.int64 and int32_range.min <= array.min() and array.max() <= int32_range.max:
        return array.astype(np.int32)
    return array


def _as_bytes(array: NDArray[Any]) -> list[bytes]:
    flat: list[Any] = array.astype(object, copy=False).ravel().tolist()
    if {bytes}.issuperset(map(type, flat)):
        return flat
    try:
        items = [item.encode() if isinstance(item, str) else item for item in flat]
    except UnicodeEncodeError as error:
        raise ValueError(f"a text holds a lone surrogate, which UTF-8 cannot carry: {error.object!r:.80}") from error
    other = next((item for item in items if not isinstance(item, bytes)), None)
    if other is not None or None in items:
        raise TypeError(
            f"expected str or bytes only, in lists of equal length; got {type(other).__name__}: {other!r:.80}"
        )
    return items


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise ValueError(f"a tensor of {size} bytes is over the limit of {max_bytes}")


def _content_numbers(content: bytes, form: _Format, count: int) -> NDArray[Any]:
    expected = count * form.content.itemsize
    if len(content) != expected:
        raise ValueError(f"tensor_content holds {len(content)} bytes, the shape needs {expected}")
    return np.frombuffer(content, dtype=form.content).astype(form.content.newbyteorder("="))


def _field_numbers(tensor: Any, form: _Format, count: int) -> NDArray[Any]:
    # np.array takes a repeated field whole, through the buffer that protobuf offers.
    numbers = np.array(getattr(tensor, form.field), dtype=form.item)
    if form.content.kind == "c":
        numbers = numbers[: numbers.size // 2 * 2].view(form.content)
    elif form.field == "half_val":
        numbers = numbers.astype(np.uint16).view(form.content)
    else:
        numbers = numbers.astype(form.content, copy=False)
    return _fill(numbers, count)


def _decode_strings(tensor: Any, count: int) -> NDArray[Any]:
    content = tensor.tensor_content
    items = _content_strings(content, count) if content else tensor.string_val[:count]
    strings = np.empty(len(items), dtype=object)
    strings[:] = items
    return _fill(strings, count, b"")


def _fill(numbers: NDArray[Any], count: int, default: Any = 0) -> NDArray[Any]:
    """Repeats the last number for those that are missing: TensorFlow leaves out repetitions at the end."""
    if numbers.size >= count:
        return numbers[:count]
    values = np.full(count, numbers[-1] if numbers.size else default, dtype=numbers.dtype)
    values[: numbers.size] = numbers
    return values


def _content_strings(content: bytes, count: int) -> list[bytes]:
    """Reads strings from `tensor_content`: all lengths as varints, then all bytes.

    Source: tensorflow/core/platform/coding.cc.
    """
    lengths, offset = [], 0
    for _ in range(count):
        length, offset = _varint(content, offset)
        lengths.append(length)
    if sum(lengths) != len(content) - offset:
        raise ValueError(f"tensor_content holds {len(content) - offset} bytes of strings, expected {sum(lengths)}")
    items = []
    for length in lengths:
        items.append(content[offset : offset + length])
        offset += length
    return items


def _varint(content: bytes, offset: int) -> tuple[int, int]:
    """Reads the number at an index, and the index after it; bits above the 64th are dropped, as protobuf does."""
    number = 0
    for index, byte in enumerate(content[offset : offset + _MAX_VARINT_BYTES]):
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return number & _UINT64, offset + index + 1
    if len(content) - offset < _MAX_VARINT_BYTES:
        raise ValueError("tensor_content ends within a string's length")
    raise ValueError(f"a string's length in tensor_content takes more than {_MAX_VARINT_BYTES} bytes")
