from __future__ import annotations

import contextlib
import gc
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp.server.request_errors import RequestError
from tfapp.server.rest.json_parser import describe, parse
from tfapp.server.rest.url_paths import RequestTarget, parse_path

_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers(-(2**63), 2**64 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), _VALUES, max_size=4))
def test_reads_what_json_writes(document: dict[str, Any]) -> None:
    assert parse(json.dumps(document).encode()) == document


@given(st.dictionaries(st.text(), _VALUES, max_size=4))
def test_a_number_that_json_has_not_changes_no_other_value(document: dict[str, Any]) -> None:
    content = parse(json.dumps({**document, "x": [math.inf, -math.inf, math.nan]}).encode())
    assert content["x"][:2] == [math.inf, -math.inf]
    assert math.isnan(content["x"][2])
    assert {**content, "x": 0} == {**document, "x": 0}
    assert [type(value) for value in content.values()] == [type(value) for value in {**document, "x": []}.values()]


@given(st.binary(max_size=60))
def test_any_bytes_are_an_object_or_an_error(body: bytes) -> None:
    for text in (body, b'{"a": ' + body, b'{"a": "' + body + b'"}'):
        try:
            outcome = type(parse(text)).__name__
        except RequestError as error:
            outcome = error.code.name
        assert outcome in ("dict", "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The document is empty"),
        (b" \n", "The document is empty. at offset: 2"),
        (b"{", "Missing a name for object member. at offset: 1"),
        (b"{1: 2}", "Missing a name for object member. at offset: 1"),
        (b'{"a" 1}', "Missing a colon after a name of object member. at offset: 5"),
        (b'{"a": [1 2]}', "Missing a comma or ] after an array element. at offset: 9"),
        (b'{"a": x}', "Invalid value. at offset: 6"),
        ('{"é": x}'.encode(), "Invalid value. at offset: 7"),
        (b'{"a": "', "Missing a closing quotation mark in string. at offset: 6"),
        (b'{"a": "\\x"}', "Invalid escape character in string. at offset: 7"),
        (b"{} {}", "The document root must not be followed by other values. at offset: 3"),
        (b'{"a": 1e999}', "Number too big to be stored in double."),
        (b'{"a": ' + b"9" * 5000 + b"}", "Number too big to be stored in double."),
        (b'{"a": ' + b"[" * 100_000, "it is nested too deeply"),
    ],
)
def test_what_is_no_json(body: bytes, message: str) -> None:
    with pytest.raises(RequestError) as excinfo:
        parse(body)
    assert excinfo.value.message == f"JSON Parse error: {message}"


@pytest.mark.parametrize("end", [b"]}", b",NaN]}", b"]"], ids=["parsed", "parsed slowly", "no JSON"])
def test_garbage_is_collected_once_it_is_parsed(end: bytes) -> None:
    phases: list[str] = []

    def note(phase: str, _: dict[str, int]) -> None:
        phases.append(phase)

    gc.callbacks.append(note)
    try:
        with contextlib.suppress(RequestError):
            parse(b'{"instances":[' + b",".join([b"[]"] * 100_000) + end)
        # Once behind it; it would be five times with the thresholds of these tests, and hundreds with Python's.
        assert phases.count("start") <= 1
        assert gc.isenabled()
    finally:
        gc.callbacks.remove(note)


def test_what_is_no_object() -> None:
    with pytest.raises(RequestError, match=r"^JSON Value: \[1, 2\.0, null\] Is not object$"):
        parse(b"[1, 2.0, null]")


def test_integers_over_64_bits_are_decimals() -> None:
    assert parse(b'{"a": [18446744073709551615, 18446744073709551616, NaN]}')["a"][:2] == [2**64 - 1, 2.0**64]
    assert isinstance(parse(b'{"a": [18446744073709551616, NaN]}')["a"][0], float)


def test_a_byte_order_mark_is_no_mistake() -> None:
    assert parse(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_describes_as_rapidjson_prints() -> None:
    value = {"a": [1, 2.5], "b": {"c": [], "d": {}}, "é": None}
    text = '{\n    "a": [1, 2.5],\n    "b": {\n        "c": [],\n        "d": {}\n    },\n    "é": null\n}'
    assert describe(value) == text


def test_describes_no_more_than_fits() -> None:
    assert len(describe({"a": list(range(10**6))})) < 1200


@pytest.mark.parametrize(
    ("method", "path", "target"),
    [
        ("POST", "/v1/models/m:predict", RequestTarget("m", verb="predict")),
        ("POST", "/v1/models/m/versions/7:classify", RequestTarget("m", 7, verb="classify")),
        ("POST", "/V1/Models/m/Labels/stable:regress", RequestTarget("m", label="stable", verb="regress")),
        ("POST", "/v1/models/a%2Fb%3Ac/labels/%C3%A9:predict", RequestTarget("a/b:c", label="é", verb="predict")),
        ("POST", "/v1/models/\xc3\xa9:predict", RequestTarget("é", verb="predict")),
        ("GET", "/v1/models/m%FF", RequestTarget("m\ufffd")),
        ("GET", "/v1/models/m", RequestTarget("m")),
        ("GET", "/v1/models/m/versions/007", RequestTarget("m", 7)),
        ("GET", "/v1/models/m/labels/l/metadata", RequestTarget("m", label="l", verb="metadata")),
        ("GET", "/v1/models/m/METADATA", RequestTarget("m", verb="metadata")),
    ],
)
def test_paths(method: str, path: str, target: RequestTarget) -> None:
    assert parse_path(method, path) == target


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", "/v1/models", "Missing model name in request."),
        ("GET", "/v1/models/m/versions/99999999999999999999", "Failed to convert version: 99999999999999999999 to"),
        ("POST", f"/v1/models/m/versions/{'9' * 5000}:predict", "Failed to convert version: 999"),
        ("POST", "/v1/models/m:Predict", "Malformed request: POST /v1/models/m:Predict"),
        ("POST", "/v1/models/m/versions/٣:predict", "Malformed request: POST"),
        ("POST", "/v1/models/m/versions/1/labels/l:predict", "Malformed request: POST"),
        ("GET", "/v1/models/m/", "Malformed request: GET"),
        ("GET", "/v1/other", "Malformed request: GET"),
        ("PUT", "/v1/models/m:predict", "Malformed request: PUT"),
    ],
)
def test_paths_to_nothing(method: str, path: str, message: str) -> None:
    with pytest.raises(RequestError, match=message) as excinfo:
        parse_path(method, path)
    assert excinfo.value.code.name == "INVALID_ARGUMENT"
