"""Bytes in JSON: the object {"b64": "..."} of requests and answers, as in tensorflow_serving/util/json_tensor.cc."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from tfapp.server.request_errors import invalid_argument
from tfapp.server.rest.json_parser import describe

__all__ = ["decode_base64", "encode_base64", "is_base64"]

_KEY: Final = "b64"
_INDENT: Final = b"    "


def is_base64(value: Any) -> bool:
    """Returns whether a JSON value stands for bytes."""
    return type(value) is dict and len(value) == 1 and type(value.get(_KEY)) is str


def decode_base64(value: dict[str, Any]) -> bytes:
    """Returns the bytes that a JSON object stands for; white space and missing padding are accepted.

    Raises:
        RequestError: It has another form, or is no base64.
    """
    if not is_base64(value):
        raise invalid_argument(f"JSON Value: {describe(value)} not formatted correctly for base64 data")
    text = "".join(value[_KEY].split()).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid_argument("Unable to base64 decode") from error


def encode_base64(value: bytes, level: int) -> bytes:
    """Returns the JSON object that stands for bytes, indented as its level of nesting asks."""
    outer = b"\n" + _INDENT * level
    return b"{" + outer + _INDENT + b'"b64": "' + base64.b64encode(value) + b'"' + outer + b"}"
