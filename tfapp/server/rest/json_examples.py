"""Reads the JSON examples of Classify and Regress (tensorflow_serving/util/json_tensor.cc)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from tensorflow_serving.apis import input_pb2

from tfapp.server.request_errors import RequestError, invalid_argument
from tfapp.server.rest.json_base64 import is_base64
from tfapp.server.rest.json_dtypes import check_float, json_dtype
from tfapp.server.rest.json_parser import form_error, type_name

__all__ = ["EXAMPLES", "read_examples"]

_CONTEXT: Final = "context"
EXAMPLES: Final = "examples"
_FLOAT: Final = np.finfo(np.float32)
_STRING: Final = 7
_LARGEST_INTEGER: Final = 2**63 - 1


def read_examples(document: dict[str, Any]) -> Any:
    """Reads "examples" and "context" of a request's body into a tensorflow.serving.Input.

    Raises:
        RequestError: There are no examples, or one is malformed.
    """
    examples = input_pb2.Input()
    target = examples.example_list_with_context if _CONTEXT in document else examples.example_list
    if _CONTEXT in document:
        _fill(document[_CONTEXT], examples.example_list_with_context.context)
    for item in _examples(document):
        _fill(item, target.examples.add())
    return examples


def _examples(document: dict[str, Any]) -> list[Any]:
    if EXAMPLES not in document:
        raise form_error(document, f"When method is classify, key '{EXAMPLES}' is expected and was not found")
    items = document[EXAMPLES]
    if not isinstance(items, list):
        raise form_error(document, f"Expecting '{EXAMPLES}' value to be an list/array")
    if not items:
        raise form_error(document, f"'{EXAMPLES}' value is an empty array")
    return items


def _fill(value: Any, example: Any) -> None:
    if not isinstance(value, dict):
        raise invalid_argument(f"Example must be JSON object but got JSON {type_name(value)}")
    for name, content in value.items():
        values = content if isinstance(content, list) else [content]
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise invalid_argument("A feature's name is no UTF-8") from error
        feature = example.features.feature[name]
        if values:
            field = _field(name, values)
            getattr(feature, field).value.extend(_READERS[field](name, values))


def _field(name: str, values: list[Any]) -> str:
    """Returns the name of the list that a feature's values go into."""
    fields: dict[str, None] = {}
    for kind in dict.fromkeys(map(type, values)):
        if kind not in _FIELDS:
            raise _unexpected_value(name, next(value for value in values if type(value) is kind))
        fields[_FIELDS[kind]] = None
    first, *others = fields
    if others:
        raise invalid_argument(f"Unexpected element type in feature: {name} expecting type: {_TYPES[first]}")
    return first


def _integers(name: str, values: list[Any]) -> list[Any]:
    if max(values) > _LARGEST_INTEGER:
        raise invalid_argument(f"Feature: {name} has uint64 element. Only int64 is supported.")
    return list(map(int, values))


def _strings(name: str, values: list[Any]) -> list[Any]:
    odd = next((value for value in values if isinstance(value, dict) and not is_base64(value)), None)
    if odd is not None:
        raise _unexpected_value(name, odd)
    return list(map(json_dtype(_STRING).check, values))


def _unexpected_value(name: str, value: Any) -> RequestError:
    return invalid_argument(f"Feature: {name} has element with unexpected JSON type: {type_name(value)}")


_FIELDS: Final[dict[type, str]] = {
    bool: "int64_list",
    int: "int64_list",
    float: "float_list",
    str: "bytes_list",
    dict: "bytes_list",
}
_TYPES: Final = {"int64_list": "int64", "float_list": "float", "bytes_list": "bytes"}
_READERS: Final[dict[str, Callable[[str, list[Any]], list[Any]]]] = {
    "int64_list": _integers,
    "float_list": lambda _name, values: [check_float(value, "float", float(_FLOAT.max), 0) for value in values],
    "bytes_list": _strings,
}
