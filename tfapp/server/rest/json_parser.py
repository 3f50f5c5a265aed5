"""Parses the JSON of requests: quickly, or slowly where it is malformed or has extensions such as NaN.

The limits and messages are those of RapidJSON, which TensorFlow Serving reads with.
"""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import orjson

from tfapp.server.request_errors import RequestError, invalid_argument

__all__ = ["check_lists", "describe", "form_error", "parse", "type_name"]

_MESSAGES: Final = {
    "Expecting property name": "Missing a name for object member.",
    "Expecting ':'": "Missing a colon after a name of object member.",
    "Expecting ','": "Missing a comma or ] after an array element.",
    "Illegal trailing comma before end of object": "Missing a name for object member.",
    "Unterminated string": "Missing a closing quotation mark in string.",
    "Invalid control character": "Invalid encoding in string.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid \\u": "Incorrect hex digit after \\u escape in string.",
    "Extra data": "The document root must not be followed by other values.",
}
_NAMES: Final = {
    type(None): "Null",
    str: "String",
    int: "Number",
    float: "Number",
    dict: "Object",
    list: "Array",
}
_LEAST: Final = -(2**63)
_TOO_LARGE: Final = 2**64
# Lists that a request may have, of its most rows in the mean: each takes some fifty bytes, an object four times that.
_LISTS_A_ROW: Final = 64
_LISTS_AN_OBJECT: Final = 4
# A message is cut after fewer characters anyway.
_LONGEST: Final = 1100


def check_lists(body: bytes, most_rows: int) -> None:
    """Checks, before it is parsed, that JSON has not so many lists that they take many times its bytes.

    Raises:
        RequestError: It has too many lists and objects for its most rows; brackets in its strings count, too.
    """
    lists = body.count(b"[") + _LISTS_AN_OBJECT * body.count(b"{")
    if lists > _LISTS_A_ROW * most_rows:
        raise invalid_argument(
            f"the request has {lists} lists and objects, an object counted as {_LISTS_AN_OBJECT}; this server takes at "
            f"most {_LISTS_A_ROW * most_rows}, {_LISTS_A_ROW} for each of {most_rows} rows (--max_request_rows)"
        )


def parse(body: bytes) -> dict[str, Any]:
    """Parses a request's body into an object; bytes that are no UTF-8 become surrogate escapes in its strings.

    NaN, Infinity and -Infinity are numbers.

    Raises:
        RequestError: It is no JSON, or no object.
    """
    if not body:
        raise invalid_argument("JSON Parse error: The document is empty")
    with _no_garbage_collection():
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            document = _parse_slowly(body)
    if not isinstance(document, dict):
        raise form_error(document, "Is not object")
    return document


def form_error(value: Any, rule: str) -> RequestError:
    """Returns the error of a JSON value that breaks a rule."""
    return invalid_argument(f"JSON Value: {describe(value)} {rule}")


def type_name(value: Any) -> str:
    """Returns the name of a JSON value's type."""
    return str(value) if isinstance(value, bool) else _NAMES[type(value)]


def describe(value: Any) -> str:
    """Writes a JSON value for a message, or as much of it as fits."""
    text = ""
    for piece in _pieces(value, "\n"):
        text += piece
        if len(text) > _LONGEST:
            break
    return text


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Collects no garbage, which would look at all lists of a large body several times, for nothing, while others wait.

    Where threads parse at the same time, the last to begin may find collection off; the first turns it on again.
    """
    is_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_on:
            gc.enable()


def _parse_slowly(body: bytes) -> Any:
    text = body.decode("utf-8-sig", "surrogateescape")
    try:
        return json.loads(text, parse_int=_integer, parse_float=_decimal)
    except json.JSONDecodeError as error:
        offset = len(text[: error.pos].encode("utf-8", "surrogateescape"))
        raise invalid_argument(f"JSON Parse error: {_message(error, text)} at offset: {offset}") from error
    except RecursionError as error:
        raise invalid_argument("JSON Parse error: it is nested too deeply") from error


def _message(error: json.JSONDecodeError, text: str) -> str:
    if not text[: error.pos].strip() and not text[error.pos :].strip():
        return "The document is empty."
    return next((message for prefix, message in _MESSAGES.items() if error.msg.startswith(prefix)), "Invalid value.")


def _integer(digits: str) -> int | float:
    """Returns integers of up to 64 bits as integers, larger ones as floats."""
    if len(digits) < 21 and _LEAST <= (number := int(digits)) < _TOO_LARGE:
        return number
    return _decimal(digits)


def _decimal(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise invalid_argument("JSON Parse error: Number too big to be stored in double.")
    return number


def _pieces(value: Any, line: str) -> Iterator[str]:
    """Yields a JSON value in pieces: objects with a line for each member, arrays on one line."""
    if isinstance(value, dict) and value:
        for index, (key, member) in enumerate(value.items()):
            yield f"{',' if index else '{'}{line}    {json.dumps(key, ensure_ascii=False)}: "
            yield from _pieces(member, line + "    ")
        yield line + "}"
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield ", " if index else "["
            yield from _pieces(item, line)
        yield "]"
    else:
        yield json.dumps(value, ensure_ascii=False)
