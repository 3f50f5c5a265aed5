from __future__ import annotations

import grpc
import tensorflow as tf

from tfapp.server.request_errors import RequestError, load_error, request_error


def test_long_messages_are_cut_and_marked() -> None:
    assert RequestError(grpc.StatusCode.INTERNAL, "a" * 1024).message == "a" * 1024
    assert RequestError(grpc.StatusCode.INTERNAL, "a" * 1025).message == "a" * 1024 + "...TRUNCATED"


def test_an_ops_own_text_is_kept_without_python_lines() -> None:
    message = (
        "Graph execution error:\n\nDetected at node add defined at (most recent call last):\n"
        '  File "/home/me/model.py", line 3, in <module>\n\n<stack traces unavailable>\n'
        "Incompatible shapes: [2] vs. [3]\n\t [[{{node add}}]] [Op:__inference_signature_wrapper_74]"
    )
    error = request_error(tf.errors.InvalidArgumentError(None, None, message))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.message == "Incompatible shapes: [2] vs. [3]\n\t [[{{node add}}]]"


def test_codes_are_tensorflows() -> None:
    assert request_error(tf.errors.UnavailableError(None, None, "full")).code is grpc.StatusCode.UNAVAILABLE
    assert load_error(tf.errors.DataLossError(None, None, "cut")).code is grpc.StatusCode.DATA_LOSS
    assert load_error(OSError("no")).message == "OSError: no"
