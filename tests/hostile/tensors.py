"""TensorProtos in every form: of each dtype, of any shape, with values in any field."""

from __future__ import annotations

import math
import random
from typing import Any, Final

from tensorflow.core.framework import tensor_pb2, types_pb2

from tests.hostile.draws import choose, maybe, number, several, text

__all__ = ["RESOURCES", "any_tensor", "fill", "has_resource"]

RESOURCES: Final = frozenset((types_pb2.DT_RESOURCE, types_pb2.DT_RESOURCE_REF))

_DTYPES: Final = tuple(types_pb2.DataType.values())
_FLOAT: Final = types_pb2.DT_FLOAT
_STRING: Final = types_pb2.DT_STRING
# Where a dtype's values stand, and how many bytes one takes in tensor_content.
_PLACES: Final = {
    types_pb2.DT_FLOAT: ("float_val", 4),
    types_pb2.DT_DOUBLE: ("double_val", 8),
    types_pb2.DT_INT32: ("int_val", 4),
    types_pb2.DT_UINT8: ("int_val", 1),
    types_pb2.DT_INT16: ("int_val", 2),
    types_pb2.DT_INT8: ("int_val", 1),
    types_pb2.DT_STRING: ("string_val", 1),
    types_pb2.DT_COMPLEX64: ("scomplex_val", 8),
    types_pb2.DT_INT64: ("int64_val", 8),
    types_pb2.DT_BOOL: ("bool_val", 1),
    types_pb2.DT_BFLOAT16: ("half_val", 2),
    types_pb2.DT_UINT16: ("int_val", 2),
    types_pb2.DT_COMPLEX128: ("dcomplex_val", 16),
    types_pb2.DT_HALF: ("half_val", 2),
    types_pb2.DT_RESOURCE: ("resource_handle_val", 8),
    types_pb2.DT_VARIANT: ("variant_val", 8),
    types_pb2.DT_UINT32: ("uint32_val", 4),
    types_pb2.DT_UINT64: ("uint64_val", 8),
}
_FIELDS: Final = sorted({field for field, _ in _PLACES.values()})
# How many kinds of values a tensor has beside those of its dtype.
_FURTHER_KINDS: Final = (0,) * 16 + (1, 1, 2, len(_FIELDS))
_SMALL: Final = (0, 1, 1, 1, 2, 2, 3)
_SIZES: Final = (-2, -1, 0, 4, 1 << 10, 1 << 17, 1 << 20, 1 << 31, 1 << 32, 1 << 40, 1 << 62, (1 << 63) - 1, -(1 << 63))


def any_tensor(source: random.Random, dtype: int | None = None) -> Any:
    """Draws a tensor.

    Args:
        source: Of the draws.
        dtype: What the signature takes, so that most tensors are of it.
    """
    tensor = tensor_pb2.TensorProto()
    fill(tensor, source, dtype)
    return tensor


def fill(tensor: Any, source: random.Random, dtype: int | None = None) -> None:
    """Draws a tensor into a message; see `any_tensor`."""
    tensor.dtype = dtype if dtype is not None and maybe(source, 0.75) else choose(source, _known_dtype, _odd_dtype)
    for size in _shape(source):
        tensor.tensor_shape.dim.add(size=size, name=text(source) if maybe(source, 0.05) else "")
    tensor.tensor_shape.unknown_rank = maybe(source, 0.03)
    if maybe(source, 0.05):
        tensor.version_number = max(-(1 << 31), min(number(source), (1 << 31) - 1))
    place, size = _PLACES.get(tensor.dtype, ("float_val", 4))
    if maybe(source, 0.15):
        place = source.choice(_FIELDS)
    rows = _elements(tensor)
    if maybe(source, 0.3):
        tensor.tensor_content = source.randbytes(source.choice((0, 1, size, rows * size, rows * size, rows * size + 1)))
    if not tensor.tensor_content or maybe(source, 0.2):
        _add_values(tensor, place, source.choice((rows, rows, rows, 0, 1, rows + 1, _surplus(source, rows))), source)
    for _ in range(source.choice(_FURTHER_KINDS)):
        _add_values(tensor, source.choice(_FIELDS), source.choice((1, rows, rows + 1)), source)


def has_resource(message: Any) -> bool:
    """Tells whether a tensor of a Predict request is a resource handle."""
    return any(tensor.dtype in RESOURCES for tensor in getattr(message, "inputs", {}).values())


def _known_dtype(source: random.Random) -> int:
    return source.choice(list(_PLACES))


def _odd_dtype(source: random.Random) -> int:
    return source.choice((*_DTYPES, 31, 99, 131, 1 << 20, -1))


def _shape(source: random.Random) -> list[int]:
    if maybe(source, 0.02):
        return [1] * source.choice((8, 64, 65, 254, 255, 256, 1000))
    sizes = _SMALL if maybe(source, 0.8) else _SMALL + _SIZES
    return [source.choice(sizes) for _ in range(source.choice((0, 1, 1, 1, 1, 2, 2, 3, 4, 5)))]


def _elements(tensor: Any) -> int:
    """Returns how many values the shape asks for, as far as anybody would send them."""
    return max(0, min(math.prod(dim.size for dim in tensor.tensor_shape.dim), 64))


def _surplus(source: random.Random, rows: int) -> int:
    """Returns a count of values over what the shape asks for, seldom a very large one."""
    return 50_000 if maybe(source, 0.01) else 2 * rows + source.randrange(100)


def _add_values(tensor: Any, place: str, rows: int, source: random.Random) -> None:
    values = getattr(tensor, place)
    match place:
        case "string_val":
            values.extend(_string(source) for _ in range(rows))
        case "bool_val":
            values.extend(maybe(source, 0.5) for _ in range(rows))
        case "float_val" | "double_val" | "scomplex_val" | "dcomplex_val":
            parts = 2 if "complex" in place else 1
            values.extend(_float(source) for _ in range(rows * parts - maybe(source, 0.05)))
        case "resource_handle_val":
            for _ in range(rows):
                values.add(device=text(source), container=text(source), name=text(source), hash_code=3)
        case "variant_val":
            for _ in range(rows):
                _add_variant(values.add(), source, source.choice((0, 1, 30)))
        case "uint32_val" | "uint64_val":
            values.extend(number(source) % (1 << (32 if place == "uint32_val" else 64)) for _ in range(rows))
        case _:
            bits = 64 if place == "int64_val" else 32
            values.extend((number(source) + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1)) for _ in range(rows))


def _add_variant(variant: Any, source: random.Random, depth: int) -> None:
    variant.type_name, variant.metadata = text(source), source.randbytes(3)
    if depth:
        inner = variant.tensors.add(dtype=types_pb2.DT_VARIANT)
        inner.tensor_shape.dim.add(size=1)
        _add_variant(inner.variant_val.add(), source, depth - 1)


def _string(source: random.Random) -> bytes:
    return choose(source, lambda s: text(s).encode(), lambda s: s.randbytes(s.randrange(6)), lambda _: b"\xff" * 300)


def _float(source: random.Random) -> float:
    return source.choice(
        (0.0, 1.0, -1.0, 0.5, math.nan, math.inf, -math.inf, 1e-45, 3e38, *several(source, random.Random.random, 2))
    )
