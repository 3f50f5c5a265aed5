from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tfapp_client import codec

from tfapp.server.request_errors import RequestError
from tfapp.server.rest.json_dtypes import json_dtype
from tfapp.server.rest.json_examples import read_examples
from tfapp.server.rest.json_inputs import read_columns, read_rows

_DTYPES = ["float", "double", "int8", "int16", "int32", "int64", "uint8", "uint32", "uint64", "bool", "string"]
_TYPES = {name: types_pb2.DataType.Value(f"DT_{name.upper()}") for name in [*_DTYPES, "half"]}
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-300, 300),
    st.sampled_from([2**24 - 1, 2**24, -(2**24), 2**31, 2**53, 2**63, 2**64 - 1, -(2**63)]),
    st.floats(),
    st.sampled_from([3.4e38, 3.5e38, -1e39, 1.0]),
    st.text(max_size=3),
    st.just({"b64": "aGk="}),
    st.just({"b64": "*"}),
)


def _nested_lists(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Lists in lists that are nearly always all as long as their neighbours."""
    even = st.tuples(st.integers(0, 3), st.integers(0, 3)).flatmap(
        lambda shape: st.lists(
            st.lists(leaves, min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
        )
    )
    return st.one_of(leaves, st.lists(leaves, max_size=4), even, st.lists(st.lists(leaves, max_size=2), max_size=3))


_OF_ONE_KIND = st.sampled_from(
    [st.integers(0, 100), st.floats(width=32), st.text(max_size=3), st.booleans(), _SCALARS]
).flatmap(_nested_lists)


def _signature(defaults: dict[str, Any] | None = None, **dtypes: str) -> Any:
    definition = meta_graph_pb2.SignatureDef()
    for alias, name in dtypes.items():
        definition.inputs[alias].dtype = _TYPES[name]
    for alias, value in (defaults or {}).items():
        definition.defaults[alias].ParseFromString(codec.encode(value).SerializeToString())
    return definition


def _outcome(reader: Callable[[], Any]) -> Any:
    try:
        array = reader()
    except RequestError as error:
        return error.message
    return array.dtype, array.shape, [str(value) for value in array.ravel().tolist()]


@given(st.sampled_from(_DTYPES), _OF_ONE_KIND)
def test_what_is_converted_whole_is_what_is_read_value_by_value(name: str, value: Any) -> None:
    """A list that is added at the end, of an odd length, makes a request go the slow way; up to there they agree."""
    quick = _outcome(lambda: read_columns(value, _signature(x=name))["x"])
    rows = [value, value]
    slow = _outcome(lambda: read_rows([*rows, "odd" if name != "string" else 1], _signature(x=name))["x"])
    assert isinstance(slow, str)
    if isinstance(quick, str):
        assert slow == f"Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: {quick}"
    else:
        assert slow.startswith("Failed to process element: 2 of 'instances' list.")
        arrays = read_rows(rows, _signature(x=name))["x"]
        assert (arrays.dtype, arrays.shape) == (quick[0], (2, *quick[1]))
        assert [str(item) for item in arrays[1:].ravel().tolist()] == quick[2]


@given(st.sampled_from(_DTYPES), st.lists(_SCALARS, min_size=1, max_size=5))
def test_values_at_once_are_the_values_one_by_one(name: str, values: list[Any]) -> None:
    dtype = json_dtype(_TYPES[name])
    at_once = dtype.all_at_once(values, set(map(type, values)))
    if at_once is None:
        return
    one_by_one = dtype.array([dtype.check(value) for value in values])
    assert at_once.dtype == one_by_one.dtype
    assert list(map(str, at_once.tolist())) == list(map(str, one_by_one.tolist()))


@pytest.mark.parametrize(
    ("name", "good_values", "bad_values"),
    [
        ("float", [0, 2**24 - 1, -3.4e38, math.inf, math.nan], ["a", None, True, 2**24, 3.5e38]),
        ("double", [2**53 - 1, 1e308], [2**53]),
        ("int32", [-(2**31), 2**31 - 1], [1.0, 2**31, True]),
        ("uint8", [0, 255], [-1, 256]),
        ("int64", [-(2**63)], [2**63, 1e3]),
        ("uint64", [2**64 - 1], [-1]),
        ("bool", [True, False], [0, "true"]),
        ("string", ["", "é", "\x00", {"b64": "AP8="}, {"b64": "AP8"}, {"b64": " A P8 ="}], [1, None, {"b64": 1}]),
    ],
)
def test_what_a_dtype_takes(name: str, good_values: list[Any], bad_values: list[Any]) -> None:
    assert read_columns(good_values, _signature(x=name))["x"].shape == (len(good_values),)
    for value in bad_values:
        with pytest.raises(RequestError) as excinfo:
            read_columns([value], _signature(x=name))
        assert excinfo.value.code.name == "INVALID_ARGUMENT"


def test_texts_and_bytes() -> None:
    array = read_rows(["é", {"b64": base64.b64encode(b"\xff\x00").decode()}], _signature(x="string"))["x"]
    assert array.tolist() == ["é".encode(), b"\xff\x00"]
    assert read_columns({"b64": "aGk="}, _signature(x="string"))["x"].tolist() == b"hi"
    # Bytes that are no UTF-8 come as they were sent.
    assert read_columns(["\udcff"], _signature(x="string"))["x"].tolist() == [b"\xff"]
    with pytest.raises(RequestError, match="surrogate pair"):
        read_columns(["\ud800"], _signature(x="string"))


def test_rows_of_several_inputs() -> None:
    rows = [{"a": [1, 2], "b": "x"}, {"b": "y", "a": [3, 4]}]
    arrays = read_rows(rows, _signature(a="int32", b="string"))
    assert arrays["a"].tolist() == [[1, 2], [3, 4]]
    assert arrays["b"].tolist() == [b"x", b"y"]


def test_defaults_take_the_place_of_what_is_not_sent() -> None:
    signature = _signature({"b": np.array([5], np.int32)}, a="int32", b="int32")
    assert read_rows([{"a": 1}], signature)["b"].tolist() == [5]
    assert read_rows([{"a": 1, "b": 2}], signature)["b"].tolist() == [2]
    assert read_columns({"a": [1]}, signature)["b"].tolist() == [5]
    with pytest.raises(RequestError, match="keys must be equal to: a,b"):
        read_rows([{"a": 1}, {"a": 1, "b": 2}], signature)
    with pytest.raises(RequestError, match="Missing named input: a in 'inputs' object"):
        read_columns({"b": [1]}, signature)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1.0], 1.0], "element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [1] but got: []"),
        ([[1.0, 2.0], [1.0]], "element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: 2 but"),
        ([[[1.0], [1.0, 2.0]]], "Encountered list at unexpected size: 2 at level: 1 expected size: 1"),
        ([[[1.0], 1.0]], "JSON Value: 1.0 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        ([[1.0, [1.0]]], "Encountered list at unexpected level: 1 expected < 1"),
        ([{"b": 1}], "element: 0 key: b of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have"),
        ([{"x": 1.0}, 1.0], "Expecting object but got list at item 1 of input list"),
        ([1.0, {"x": 1.0}], "Expecting value/list but got object at item 1 of input list"),
        ([{}], "JSON object: {} keys must be equal to: x"),
        ([{"x": [1.0]}, {"x": 1.0}], "element: 1 key: x of 'instances' list"),
    ],
)
def test_wrong_rows(rows: list[Any], message: str) -> None:
    with pytest.raises(RequestError) as excinfo:
        read_rows(rows, _signature(x="float"))
    assert message in excinfo.value.message


def test_plain_values_for_several_inputs() -> None:
    signature = _signature(a="float", b="float")
    with pytest.raises(RequestError, match="instances is a plain list"):
        read_rows([1.0], signature)
    with pytest.raises(RequestError, match="inputs is a plain value/list"):
        read_columns([1.0], signature)


def test_what_has_no_json_form() -> None:
    with pytest.raises(RequestError, match=r"^Conversion of JSON Value: 1.0 to type: half$") as excinfo:
        read_columns([1.0], _signature(x="half"))
    assert excinfo.value.code.name == "UNIMPLEMENTED"


def test_deep_lists_are_refused() -> None:
    value: Any = 1.0
    for _ in range(70):
        value = [value]
    for reader in (
        lambda: read_columns(value, _signature(x="float")),
        lambda: read_rows([value], _signature(x="float")),
    ):
        with pytest.raises(RequestError, match="dimensions is not supported"):
            reader()


def test_examples() -> None:
    features = {"i": [1, True], "f": 2.5, "s": ["é", {"b64": "/w=="}], "none": []}
    inputs = read_examples({"examples": [features, {}]})
    first, second = inputs.example_list.examples
    assert first.features.feature["i"].int64_list.value == [1, 1]
    assert first.features.feature["f"].float_list.value == [2.5]
    assert first.features.feature["s"].bytes_list.value == ["é".encode(), b"\xff"]
    assert first.features.feature["none"].WhichOneof("kind") is None
    assert not second.features.feature
    inputs = read_examples({"context": {"c": 1}, "examples": [{"i": 2}]})
    assert inputs.example_list_with_context.context.features.feature["c"].int64_list.value == [1]
    assert len(inputs.example_list_with_context.examples) == 1


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "key 'examples' is expected and was not found"),
        ({"examples": {}}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [{}], "context": "x"}, "Example must be JSON object but got JSON String"),
        ({"examples": [{"a": [1, 1.5]}]}, "Unexpected element type in feature: a expecting type: int64"),
        ({"examples": [{"\udcff": 1}]}, "A feature's name is no UTF-8"),
        ({"examples": [{"a": None}]}, "Feature: a has element with unexpected JSON type: Null"),
        ({"examples": [{"a": [[1]]}]}, "Feature: a has element with unexpected JSON type: Array"),
        ({"examples": [{"a": {"b": 1}}]}, "Feature: a has element with unexpected JSON type: Object"),
        ({"examples": [{"a": {"b64": "*"}}]}, "Unable to base64 decode"),
        ({"examples": [{"a": 2**63}]}, "Feature: a has uint64 element. Only int64 is supported."),
        ({"examples": [{"a": 1e39}]}, "Cannot convert JSON value: 1e+39 to float without loss of precision."),
    ],
)
def test_wrong_examples(document: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError) as excinfo:
        read_examples(document)
    assert message in excinfo.value.message
