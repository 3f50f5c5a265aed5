"""Errors of requests: a gRPC status code and a text, both as TensorFlow Serving gives them."""

from __future__ import annotations

import re
from typing import Any, Final

import grpc

__all__ = ["RequestError", "invalid_argument", "load_error", "request_error"]

# tensorflow_serving/model_servers/grpc_status_util.cc
_LIMIT: Final = 1024
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
# TensorFlow puts the Python lines that built the graph before an op's message, and names the caller after it.
_GRAPH_LINES: Final = re.compile(
    r"^(Graph execution error:|Detected at node .*|<stack traces unavailable>|  File .*|Stack trace .*|\s*)$"
)
_CALLER: Final = re.compile(r" \[Op:[^\]]*\]\s*$")
# Which function of the graph, which Python's side of TensorFlow leaves out, too.
_FUNCTION: Final = re.compile(r"\{\{function_node [^}]*\}\} ?")


class RequestError(Exception):
    """An error that ends a request with another status than OK.

    Attributes:
        code: The gRPC status.
        message: What the caller reads, at most 1024 characters and a mark that it was cut.
    """

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        text = message if len(message) <= _LIMIT else f"{message[:_LIMIT]}...TRUNCATED"
        super().__init__(text)
        self.code = code
        self.message = text


def invalid_argument(message: str) -> RequestError:
    """Returns the error of a request that breaks a rule."""
    return RequestError(grpc.StatusCode.INVALID_ARGUMENT, message)


def request_error(error: Any) -> RequestError:
    """Translates a `tf.errors.OpError`, or an error of TensorFlow's Python side, to its code and the op's own text."""
    if not hasattr(error, "error_code"):
        return invalid_argument(str(error))
    code = _CODES.get(error.error_code, grpc.StatusCode.UNKNOWN)
    return RequestError(code, _op_text(error.message or ""))


def load_error(error: Exception) -> RequestError:
    """Translates any error of loading or warming up a version into a `RequestError`."""
    if isinstance(error, RequestError):
        return error
    if hasattr(error, "error_code"):
        return request_error(error)
    return RequestError(grpc.StatusCode.UNKNOWN, f"{type(error).__name__}: {error}")


def _op_text(message: str) -> str:
    lines = message.splitlines()
    while lines and _GRAPH_LINES.match(lines[0]):
        lines.pop(0)
    return _FUNCTION.sub("", _CALLER.sub("", "\n".join(lines)))
