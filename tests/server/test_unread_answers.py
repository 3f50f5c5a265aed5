from __future__ import annotations

import json
import logging
import socket
import time
import urllib.request
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import grpc
import pytest
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
from tfapp_client import codec

from tests.hostile.http2 import Http2Connection, whole_call
from tests.served_models import write_words
from tfapp.server import ServerSettings, running_server
from tfapp.server.unread_answers import UnreadAnswers

# What gRPC needs for a call beside its answer.
_CALL = 32_768
_ROWS = 3000
_PREDICT = "/tensorflow.serving.PredictionService/Predict"


class UnreadCalls:
    """Calls whose answers are written; the callers of those that were cancelled are in `cancelled`."""

    def __init__(self, max_bytes: int) -> None:
        self.now = 0.0
        self.unread = UnreadAnswers(max_bytes, clock=lambda: self.now)
        self.cancelled: list[str] = []

    def add(self, caller: str, size: int = 0, seconds: float = 2.0) -> Any:
        self.now += seconds
        return self.unread.add(caller, size, lambda: self.cancelled.append(caller))


def test_what_is_read_counts_no_longer() -> None:
    calls = UnreadCalls(_CALL + 100)
    release = calls.add("a")
    assert calls.unread.size == _CALL
    release()
    release()
    assert calls.unread.size == 0
    calls.add("b", 100)
    calls.add("c", 100)
    calls.add("d", 100)
    assert calls.cancelled == ["b", "c"]


def test_who_holds_most_loses_the_oldest_first() -> None:
    calls = UnreadCalls(4 * _CALL)
    for caller in ("slow", "many", "many", "many", "other", "another"):
        calls.add(caller)
    assert calls.cancelled == ["many", "many"]


def test_a_new_answer_is_given_time_to_be_read() -> None:
    calls = UnreadCalls(_CALL)
    for _ in range(3):
        calls.add("a", seconds=0.0)
    assert calls.cancelled == []
    calls.add("b")
    assert calls.cancelled == ["a", "a"]


def test_rest_callers_who_read_are_answered_whatever_others_leave_unread(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_words(tmp_path)
    large, small = (json.dumps({"instances": ["a" * 200] * rows}).encode() for rows in (15_000, 1000))
    # Two of the large answers are too many, and as many bodies, too.
    settings = ServerSettings(
        port=0, rest_api_port=0, max_pending_answer_bytes=8 << 20, rest_api_max_pending_bytes=8 << 20
    )
    header = b"POST /v1/models/words:predict HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(large)
    with (
        caplog.at_level(logging.WARNING),
        running_server(tmp_path, settings=settings) as server,
        ExitStack() as connections,
    ):
        silent_sockets = []
        for _ in range(3):
            silent_sockets.append(connections.enter_context(socket.socket()))
            silent_sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            silent_sockets[-1].connect(("127.0.0.1", int(server.rest_address.rpartition(":")[2])))
            silent_sockets[-1].settimeout(60)
            silent_sockets[-1].sendall(header + large)
            silent_sockets[-1].recv(1, socket.MSG_PEEK)
        end = time.monotonic() + 60
        while "callers do not read" not in caplog.text:
            assert time.monotonic() < end
            with urllib.request.urlopen(f"http://{server.rest_address}/v1/models/words:predict", small, 60) as answer:
                assert len(json.load(answer)["predictions"]) == 1000
        # The oldest was given up: it ends before its end.
        with silent_sockets[0].makefile("rb") as answer:
            assert not answer.read().rstrip().endswith(b"]\n}")


def test_callers_who_read_are_answered_whatever_others_leave_unread(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_words(tmp_path)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "words"
    codec.write(request.inputs["text"], ["a"])
    request.inputs["text"].tensor_shape.dim[0].size = _ROWS
    body = json.dumps({"instances": ["a"] * _ROWS}).encode()
    settings = ServerSettings(port=0, rest_api_port=0, max_pending_answer_bytes=10 * _CALL)
    with (
        caplog.at_level(logging.WARNING),
        running_server(tmp_path, settings=settings) as server,
        grpc.insecure_channel(server.address) as channel,
        closing(Http2Connection(server.address, 60)) as silent_connection,
    ):
        # More calls than there are threads, and more bytes than may be unread.
        silent_connection.open(window=0)
        message = request.SerializeToString()
        silent_connection.send([whole_call(stream, _PREDICT, message) for stream in range(1, 800, 2)])
        call = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
        end = time.monotonic() + 60
        while "callers do not read" not in caplog.text:
            assert time.monotonic() < end
            assert len(codec.decode(call(request, timeout=60).outputs["length"])) == _ROWS
            with urllib.request.urlopen(f"http://{server.rest_address}/v1/models/words:predict", body, 60) as answer:
                assert len(json.load(answer)["predictions"]) == _ROWS
