"""From JSON to the examples of Classify and Regress (tensorflow_serving/util/json_tensor.cc)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from tensorflow_serving.apis import input_pb2

from tfapp.server.rest.documents import describe, type_name
from tfapp.server.rest.kinds import Kind, check_decimal, is_base64, kind_of
from tfapp.server.status import RequestError, invalid_argument

__all__ = ["read_examples"]

_CONTEXT: Final = "context"
_EXAMPLES: Final = "examples"
_FLOAT: Final = np.finfo(np.float32)
_STRING: Final = 7
_LARGEST_INTEGER: Final = 2**63 - 1


def read_examples(document: dict[str, Any]) -> Any:
    """Reads "examples" and "context".

    Args:
        document: The request's body.

    Returns:
        The tensorflow.serving.Input.

    Raises:
        RequestError: There are no examples, or one is malformed.
    """
    found = input_pb2.Input()
    target = found.example_list_with_context if _CONTEXT in document else found.example_list
    if _CONTEXT in document:
        _fill(document[_CONTEXT], found.example_list_with_context.context)
    for item in _examples(document):
        _fill(item, target.examples.add())
    return found


def _examples(document: dict[str, Any]) -> list[Any]:
    if _EXAMPLES not in document:
        raise _wrong(document, f"When method is classify, key '{_EXAMPLES}' is expected and was not found")
    items = document[_EXAMPLES]
    if not isinstance(items, list):
        raise _wrong(document, f"Expecting '{_EXAMPLES}' value to be an list/array")
    if not items:
        raise _wrong(document, f"'{_EXAMPLES}' value is an empty array")
    return items


def _wrong(document: dict[str, Any], rule: str) -> RequestError:
    return invalid_argument(f"JSON Value: {describe(document)} {rule}")


def _fill(value: Any, example: Any) -> None:
    if not isinstance(value, dict):
        raise invalid_argument(f"Example must be JSON object but got JSON {type_name(value)}")
    for name, content in value.items():
        values = content if isinstance(content, list) else [content]
        feature = example.features.feature[_checked(name)]
        if values:
            field = _field(name, values)
            getattr(feature, field).value.extend(_READERS[field](name, values))


def _checked(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise invalid_argument("A feature's name is no UTF-8") from error
    return name


def _field(name: str, values: list[Any]) -> str:
    """Finds the list of a feature that its values go into."""
    fields: dict[str, None] = {}
    for kind in dict.fromkeys(map(type, values)):
        if kind not in _FIELDS:
            raise _unexpected(name, next(value for value in values if type(value) is kind))
        fields[_FIELDS[kind]] = None
    first, *others = fields
    if others:
        raise invalid_argument(f"Unexpected element type in feature: {name} expecting type: {_TYPES[first]}")
    return first


def _floats(_name: str, values: list[Any]) -> list[Any]:
    return [check_decimal(value, "float", float(_FLOAT.max), 0) for value in values]


def _integers(name: str, values: list[Any]) -> list[Any]:
    if max(values) > _LARGEST_INTEGER:
        raise invalid_argument(f"Feature: {name} has uint64 element. Only int64 is supported.")
    return list(map(int, values))


def _strings(name: str, values: list[Any]) -> list[Any]:
    odd = next((value for value in values if isinstance(value, dict) and not is_base64(value)), None)
    if odd is not None:
        raise _unexpected(name, odd)
    kind: Kind = kind_of(_STRING)
    return [kind.check(value) for value in values]


def _unexpected(name: str, value: Any) -> RequestError:
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
    "float_list": _floats,
    "bytes_list": _strings,
}
