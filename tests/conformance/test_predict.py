"""Predict: what answers carry, tensors both ways, errors, limits."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow.core.framework import tensor_pb2, types_pb2
from tfapp_client import codec

from tests.conformance.calls import predict_request, refused
from tests.conformance.models import MISSING_OP
from tests.conformance.servers import THREADS
from tests.conformance.suite import TestedServer

_X = np.array([1, 2], np.float32)


@pytest.mark.parametrize(
    ("options", "version", "signature"),
    [
        ({}, 3, "serving_default"),
        ({"version": 2}, 2, "serving_default"),
        ({"label": "stable"}, 2, "serving_default"),
        ({"label": "canary", "signature": "serving_default"}, 3, "serving_default"),
    ],
    ids=["latest", "version", "label", "signature"],
)
def test_an_answer_names_version_and_signature(
    main: TestedServer, options: dict[str, Any], version: int, signature: str
) -> None:
    spec = main.calls.predict("numbers", {"x": _X}, **options).model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("numbers", version, signature)
    assert spec.version_label == ""


@pytest.mark.parametrize(
    "fields",
    [
        {"tensor_content": _X.tobytes()},
        {"float_val": [1, 2]},
    ],
    ids=["content", "values"],
)
def test_tensors_come_in_either_encoding(main: TestedServer, fields: dict[str, Any]) -> None:
    request = predict_request("numbers", {})
    request.inputs["x"].CopyFrom(tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, **fields))
    request.inputs["x"].tensor_shape.dim.add(size=2)
    answer = main.calls.prediction.Predict(request, timeout=60)
    assert codec.decode(answer.outputs["y"]).tolist() == [3.5, 4.0]


def test_the_last_value_fills_a_tensor_up(main: TestedServer) -> None:
    request = predict_request("numbers", {})
    tensor = request.inputs["x"]
    tensor.dtype = types_pb2.DT_FLOAT
    tensor.float_val.extend([1, 2])
    tensor.tensor_shape.dim.add(size=4)
    answer = main.calls.prediction.Predict(request, timeout=60)
    assert codec.decode(answer.outputs["x2"]).tolist() == [2, 4, 4, 4]


def test_output_filter_chooses(main: TestedServer) -> None:
    assert set(main.calls.outputs("words", {"text": ["a"]})) == {"upper", "length", "raw_bytes"}
    outputs = main.calls.outputs("words", {"text": ["a"]}, outputs=["length", "upper"])
    assert outputs == {"length": [1], "upper": [b"A"]}


def test_a_long_error_is_cut(main: TestedServer) -> None:
    with refused("FAILED_PRECONDITION") as text:
        main.calls.predict("numbers", {"x": _X}, signature="s" * 1100)
    assert text() == f'Serving signature key "{"s" * 1100}'[:1024] + "...TRUNCATED"
    with refused("FAILED_PRECONDITION") as text:
        main.calls.predict("numbers", {"x": _X}, signature="s" * 500)
    assert text() == f'Serving signature key "{"s" * 500}" not found.'


def test_a_model_with_an_op_that_the_server_lacks(main: TestedServer) -> None:
    """TensorFlow Serving loads it all the same and says so to each caller; others may say why it does not load."""
    with refused("NOT_FOUND") as text:
        main.calls.predict("lacking", {"text": ["a"]})
    reasons = [text(), *(status.status.error_message for status in main.calls.statuses("lacking").values())]
    assert any(f"Op type not registered '{MISSING_OP}'" in reason for reason in reasons), reasons


@pytest.mark.needs("thread-limit")
def test_more_calls_than_threads_are_refused(main: TestedServer, gate: Path) -> None:
    calls: list[Any] = []

    def one_is_refused() -> bool:
        if len(calls) <= 3 * THREADS:
            calls.append(main.calls.start("gate", {"gate": [str(gate)]}))
        return any(call.done() for call in calls)

    main.wait_for(one_is_refused)
    gate.touch()
    refusals = {(call.code(), call.details()) for call in calls if call.exception() is not None}
    assert refusals == {(grpc.StatusCode.RESOURCE_EXHAUSTED, "Server Threadpool Exhausted")}
    # A few of its threads may have been busy with something else; the last call may have come after the gate opened.
    assert 1 <= sum(call.exception() is None for call in calls) <= THREADS + 1
    assert main.calls.outputs("gate", {"gate": [""]})["rows"] == [1]


@pytest.mark.needs("health")
@pytest.mark.parametrize("service", ["PredictionService", "ModelService"])
def test_health(main: TestedServer, service: str) -> None:
    check = health_pb2_grpc.HealthStub(main.calls.channel).Check
    answer = check(health_pb2.HealthCheckRequest(service=service), timeout=60)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with refused("NOT_FOUND"):
        check(health_pb2.HealthCheckRequest(service="nope"), timeout=60)


@pytest.mark.needs("unix-socket")
def test_a_unix_socket(main: TestedServer) -> None:
    calls = main.connect(address=f"unix:{main.flags['grpc_socket_path']}")
    assert calls.outputs("words", {"text": ["a"]}, outputs=["upper"]) == {"upper": [b"A"]}


@pytest.mark.needs("exclusive-port")
def test_nobody_can_share_the_port(main: TestedServer) -> None:
    with socket.socket() as second_socket:
        second_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with pytest.raises(OSError, match="in use") as excinfo:
            second_socket.bind(("127.0.0.1", main.port))
    assert excinfo.value.errno == errno.EADDRINUSE
