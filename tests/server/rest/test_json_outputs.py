from __future__ import annotations

import base64
import json
import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from tfapp.server.request_errors import RequestError
from tfapp.server.rest.json_inputs import read_columns, read_rows
from tfapp.server.rest.json_outputs import write_classes, write_columns, write_error, write_rows, write_values
from tfapp.server.rest.json_parser import parse

_CODES = {
    "float32": types_pb2.DT_FLOAT,
    "float64": types_pb2.DT_DOUBLE,
    "int8": types_pb2.DT_INT8,
    "int32": types_pb2.DT_INT32,
    "int64": types_pb2.DT_INT64,
    "uint64": types_pb2.DT_UINT64,
    "bool": types_pb2.DT_BOOL,
    "object": types_pb2.DT_STRING,
}
# The shortest text of the largest float32 is above it, and TensorFlow Serving does not read what it writes there.
_LARGEST = np.finfo(np.float32).max
_ARRAYS = (
    st.sampled_from([name for name in _CODES if name != "object"])
    .flatmap(lambda name: hnp.arrays(name, hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3)))
    .filter(lambda array: array.dtype != np.float32 or not np.any(np.abs(array) == _LARGEST))
)


def _strings(*values: bytes) -> NDArray[Any]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _signature(arrays: dict[str, NDArray[Any]]) -> Any:
    definition = meta_graph_pb2.SignatureDef()
    for alias, array in arrays.items():
        definition.inputs[alias].dtype = _CODES[array.dtype.name]
    return definition


def _same(left: NDArray[Any], right: NDArray[Any]) -> bool:
    return left.dtype == right.dtype and np.array_equal(left, right, equal_nan=left.dtype.kind == "f")


@given(_ARRAYS, st.sampled_from(["x", 'odd "%s" näme']))
def test_one_tensor_there_and_back(array: NDArray[Any], name: str) -> None:
    arrays = {name: array}
    columns = parse(write_columns(arrays))["outputs"]
    assert _same(read_columns(columns, _signature(arrays))[name], array)
    rows = parse(write_rows(arrays))["predictions"]
    assert _same(read_rows(rows, _signature(arrays))[name], array)


@given(_ARRAYS, st.lists(st.text(), min_size=3, max_size=3), st.lists(st.binary(), min_size=3, max_size=3))
def test_several_tensors_there_and_back(numbers: NDArray[Any], texts: list[str], data: list[bytes]) -> None:
    rows = len(numbers)
    arrays = {
        "n": numbers,
        "100 %": _strings(*(text.encode() for text in texts[:rows])),
        "raw_bytes": _strings(*data[:rows]).reshape(rows, 1),
    }
    for writer, reader, key in ((write_rows, read_rows, "predictions"), (write_columns, read_columns, "outputs")):
        result = reader(parse(writer(arrays))[key], _signature(arrays))
        assert all(_same(result[name], array) for name, array in arrays.items())


def test_the_largest_float_is_written_and_not_read() -> None:
    largest = {"y": np.array([_LARGEST], np.float32)}
    rows = parse(write_rows(largest))["predictions"]
    assert np.float32(rows[0]) == _LARGEST
    with pytest.raises(RequestError, match=r"Cannot convert JSON value: 3\.4028235e\+38 to float without loss"):
        read_rows(rows, _signature(largest))


def test_rows_are_laid_out_as_tensorflow_serving_does() -> None:
    arrays = {"b": np.array([[1, 2], [3, 4]]), "a_bytes": _strings(b"hi", b"")}
    assert write_rows(arrays).decode() == (
        '{\n    "predictions": [\n        {\n            "a_bytes": {\n                "b64": "aGk="\n            },\n'
        '            "b": [1, 2]\n        },\n        {\n            "a_bytes": {\n                "b64": ""\n'
        '            },\n            "b": [3, 4]\n        }\n    ]\n}'
    )
    assert write_rows({"y": np.array([3.0, 0.5], np.float32)}) == b'{\n    "predictions": [3.0, 0.5\n    ]\n}'
    assert write_rows({"y": np.zeros((0, 2))}) == b'{\n    "predictions": []\n}'
    assert write_rows({"y": np.zeros(0), "z": np.zeros(0)}) == b'{\n    "predictions": []\n}'
    assert json.loads(write_rows({"y": np.zeros((2, 0, 3))})) == {"predictions": [[], []]}


def test_columns_are_laid_out_as_tensorflow_serving_does() -> None:
    assert write_columns({"y": np.array([[1], [2]])}).decode() == (
        '{\n    "outputs": [\n        [\n            1\n        ],\n        [\n            2\n        ]\n    ]\n}'
    )
    text = write_columns({"z": np.array(True), "y": np.zeros((1, 0))}).decode()
    assert text == '{\n    "outputs": {\n        "y": [\n            []\n        ],\n        "z": true\n    }\n}'


def test_floats_are_short_and_not_finite_ones_have_names() -> None:
    values = np.array([0.1, math.nan, math.inf, -math.inf, 2], np.float32)
    assert write_values(values) == b'{\n    "results": [0.1, NaN, Infinity, -Infinity, 2.0]\n}'
    texts = _strings(b"null", b",\n  ")
    answer = parse(write_rows({"text": texts, "y": np.array([math.nan, 1.0])}))["predictions"]
    assert [row["text"] for row in answer] == ["null", ",\n  "]
    assert math.isnan(answer[0]["y"])


def test_halves_and_what_has_no_json_form() -> None:
    for dtype in (np.float16, ml_dtypes.bfloat16):
        assert parse(write_values(np.array([0.5, math.inf], dtype)))["results"] == [0.5, math.inf]
    with pytest.raises(RequestError, match="Failed to write JSON value for tensor type: complex64"):
        write_rows({"y": np.zeros(1, np.complex64)})


def test_bytes_that_are_no_utf_8() -> None:
    assert parse(write_rows({"text": _strings(b"a\xff")}))["predictions"] == ["a\ufffd"]
    rows = parse(write_rows({"text_bytes": _strings(b"a\xff")}))["predictions"]
    assert base64.b64decode(rows[0]["b64"]) == b"a\xff"


def test_rows_that_do_not_match() -> None:
    with pytest.raises(RequestError, match="Tensor name: z has inconsistent batch size: 2 expecting: 1"):
        write_rows({"y": np.zeros(1), "z": np.zeros(2)})
    with pytest.raises(RequestError, match="Tensor name: y has no shape information "):
        write_rows({"y": np.array(1.0)})


def test_classes() -> None:
    labels = np.array([[b"neg", b"pos"]], dtype=object)
    scores = np.array([[0.25, 0.75]], np.float32)
    assert write_classes(labels, scores) == b'{\n    "results": [[["neg", 0.25], ["pos", 0.75]]\n    ]\n}'
    assert json.loads(write_classes(labels, None)) == {"results": [[["neg", 0.0], ["pos", 0.0]]]}
    assert json.loads(write_classes(None, scores)) == {"results": [[["", 0.25], ["", 0.75]]]}


def test_errors() -> None:
    assert write_error('a "é"\n\udcff').decode() == '{\n    "error": "a \\"é\\"\\n?"\n}'
