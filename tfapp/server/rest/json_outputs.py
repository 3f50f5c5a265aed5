"""Writes answers as JSON, laid out as TensorFlow Serving does (tensorflow_serving/util/json_tensor.cc).

Numbers are the shortest that read back as the same; NaN and the infinities are written by their names. Bytes that are
no UTF-8 become U+FFFD in strings; a model that answers bytes names the output NAME_bytes, and it is sent in base64.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from tfapp.server.request_errors import invalid_argument
from tfapp.server.rest.json_base64 import encode_base64

__all__ = ["write_classes", "write_columns", "write_error", "write_rows", "write_values"]

_BYTES: Final = "_bytes"
_STEP: Final = b"    "
# Between two items stands a line break, which is in no string.
_OPTIONS: Final = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_INDENT_2
_BETWEEN: Final = b",\n  "

_OutputArrays = Mapping[str, NDArray[Any]]


def write_rows(results: _OutputArrays) -> bytes:
    """Writes {"predictions": ...}: a value a row, or with several outputs an object of them.

    Raises:
        RequestError: The arrays' rows do not match, or JSON has no such values.
    """
    _check_rows(results)
    if len(results) == 1:
        ((name, array),) = results.items()
        return _results(b"predictions", _items(name, array, 1, 2))
    cells = [_items(name, array, 1, 3) for name, array in sorted(results.items())]
    members = b",\n".join(_STEP * 3 + _key(name).replace(b"%", b"%%") + b": %b" for name in sorted(results))
    row = _STEP * 2 + b"{\n" + members + b"\n" + _STEP * 2 + b"}"
    rows = b",\n".join(row % values for values in zip(*cells, strict=True))
    return b'{\n    "predictions": [' + (b"\n" + rows + b"\n    " if rows else b"") + b"]\n}"


def write_columns(results: _OutputArrays) -> bytes:
    """Writes {"outputs": ...}: the value of the only output, or an object of them.

    Raises:
        RequestError: JSON has no such values.
    """
    if len(results) == 1:
        ((name, array),) = results.items()
        return b'{\n    "outputs": ' + _column(name, array, 1) + b"\n}"
    members = [_STEP * 2 + _key(name) + b": " + _column(name, array, 2) for name, array in sorted(results.items())]
    return b'{\n    "outputs": {\n' + b",\n".join(members) + b"\n    }\n}"


def write_classes(labels: NDArray[Any] | None, scores: NDArray[Any] | None) -> bytes:
    """Writes {"results": ...}, a list of [label, score] for each example, [N, K]; None: empty labels, scores of 0."""
    shape = (labels if labels is not None else scores).shape  # type: ignore[union-attr]
    names = _tokens("", labels) if labels is not None else [b'""'] * math.prod(shape)
    numbers = _tokens("", scores) if scores is not None else [b"0.0"] * math.prod(shape)
    pairs = [b"[" + name + b", " + number + b"]" for name, number in zip(names, numbers, strict=True)]
    return _results(b"results", _inline(pairs, shape[1:], shape[0]))


def write_values(values: NDArray[Any]) -> bytes:
    """Writes {"results": ...}, a number for each example."""
    return b'{\n    "results": [' + b", ".join(_tokens("", values)) + b"]\n}"


def write_error(message: str) -> bytes:
    """Writes an error's text as {"error": ...}."""
    return f'{{\n    "error": {json.dumps(message, ensure_ascii=False)}\n}}'.encode("utf-8", "replace")


def _check_rows(results: _OutputArrays) -> None:
    rows: int | None = None
    for name, array in sorted(results.items()):
        if array.ndim == 0:
            raise invalid_argument(f"Tensor name: {name} has no shape information ")
        if rows is not None and len(array) != rows:
            raise invalid_argument(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {rows}")
        rows = len(array)


def _results(key: bytes, items: list[bytes]) -> bytes:
    return b'{\n    "' + key + b'": [' + b", ".join(items) + (b"\n    " if items else b"") + b"]\n}"


def _items(name: str, array: NDArray[Any], first: int, level: int) -> list[bytes]:
    """Returns the items of an array's first dimension, each on one line."""
    inner = array.shape[first:]
    return _inline(_tokens(name, array, level + len(inner)), inner, len(array))


def _inline(tokens: list[bytes], shape: tuple[int, ...], count: int) -> list[bytes]:
    """Puts values into lists, so that `count` of this shape are left."""
    for axis in reversed(range(len(shape))):
        size, lists = shape[axis], count * math.prod(shape[:axis])
        tokens = [b"[" + b", ".join(tokens[k * size : (k + 1) * size]) + b"]" for k in range(lists)]
    return tokens


def _column(name: str, array: NDArray[Any], level: int) -> bytes:
    """Returns an array with each item on a line of its own."""
    tokens = _tokens(name, array, level + array.ndim)
    for axis in reversed(range(array.ndim)):
        size, lists = array.shape[axis], math.prod(array.shape[:axis])
        outer = b"\n" + _STEP * (level + axis)
        line = outer + _STEP
        tokens = [
            b"[" + line + (b"," + line).join(tokens[k * size : (k + 1) * size]) + outer + b"]" if size else b"[]"
            for k in range(lists)
        ]
    return tokens[0]


def _tokens(name: str, array: NDArray[Any], level: int = 0) -> list[bytes]:
    """Returns an array's values as JSON, in order."""
    if array.dtype.kind in "OSU":
        values = array.ravel().tolist()
        if name.endswith(_BYTES):
            return [encode_base64(value, level) for value in values]
        return _split(orjson.dumps([value.decode("utf-8", "replace") for value in values], option=_OPTIONS))
    if array.dtype.name == "bfloat16":
        array = array.astype(np.float32)
    if array.dtype.kind not in "biuf":
        raise invalid_argument(f"Failed to write JSON value for tensor type: {array.dtype.name}")
    flat = np.ascontiguousarray(array).ravel()
    text = orjson.dumps(flat, option=_OPTIONS)
    return _split(_name_non_finite(text, flat) if array.dtype.kind == "f" else text)


def _split(text: bytes) -> list[bytes]:
    return [] if text == b"[]" else text[4:-2].split(_BETWEEN)


def _name_non_finite(text: bytes, flat: NDArray[Any]) -> bytes:
    """Replaces each null by the name of its number."""
    special = flat[~np.isfinite(flat)]
    if not special.size:
        return text
    names: Iterator[bytes] = iter(np.select([np.isnan(special), special > 0], [b"NaN", b"Infinity"], b"-Infinity"))
    return re.sub(b"null", lambda _: next(names), text)


def _key(name: str) -> bytes:
    return orjson.dumps(name)
