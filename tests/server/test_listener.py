from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
from tfapp_client import codec

from tests.conformance.rest import ask
from tests.server.echo import Echo, serving_echo
from tfapp.server.listener import ConcurrencyLimiter
from tfapp.server.request_errors import RequestError


def _fill(limiter: ConcurrencyLimiter, *connections: str) -> int:
    """Returns how many requests of some connections, in turn, are let in before one is refused."""
    count = 0
    while True:
        try:
            limiter.acquire(connections[count % len(connections)])
        except RequestError:
            return count
        count += 1


def test_one_connection_gets_the_maximum(caplog: pytest.LogCaptureFixture) -> None:
    limiter = ConcurrencyLimiter(8)
    assert _fill(limiter, "ipv4:10.0.0.1:1") == 8
    limiter.release("ipv4:10.0.0.1:1")
    assert _fill(limiter, "ipv4:10.0.0.1:1") == 1
    # Once a second at most.
    bound = "8 are in work, of at most 8 for callers with many (--grpc_max_threads)"
    assert caplog.messages[0] == f"refused a request of 10.0.0.1: {bound}"
    assert len(caplog.messages) < 3


def test_a_connection_with_many_requests_does_not_shut_out_others_of_its_address() -> None:
    limiter = ConcurrencyLimiter(8)
    _fill(limiter, "ipv4:10.0.0.1:1")
    assert _fill(limiter, "ipv4:10.0.0.1:2") == 2


@pytest.mark.parametrize(
    ("crowd", "other_address"),
    [
        ("ipv4:10.0.0.1:%d", "ipv4:10.0.0.2:1"),
        ("10.0.0.1:%d", "ipv4:10.0.0.2:1"),
        ("ipv4:10.0.0.1:%d", "unix:"),
        ("ipv6:%%5B2001:db8::1%%5D:%d", "ipv6:%5B2001:db8:0:1::1%5D:1"),
        ("::ffff:10.0.0.1:%d", "10.0.0.2:1"),
    ],
)
def test_many_connections_of_an_address_do_not_shut_out_other_addresses(crowd: str, other_address: str) -> None:
    limiter = ConcurrencyLimiter(8)
    assert _fill(limiter, *(crowd % port for port in range(1, 99))) == 10
    assert _fill(limiter, crowd % 100) == 0
    assert _fill(limiter, other_address) == 2


def test_addresses_of_one_ipv6_network_count_as_one() -> None:
    limiter = ConcurrencyLimiter(8)
    _fill(limiter, *(f"ipv6:%5B2001:db8::{host}%5D:1" for host in range(1, 99)))
    assert _fill(limiter, "2001:db8::ffff:1") == 0


def test_who_calls_little_is_answered_beside_who_calls_much(tmp_path: Path) -> None:
    echo = Echo()
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "echo"
    codec.write(request.inputs["x"], [1.0])
    options = [("grpc.use_local_subchannel_pool", 1)]
    with (
        serving_echo(tmp_path, echo, rest_api_port=0, grpc_max_threads=4) as server,
        grpc.insecure_channel(server.address, options=options) as crowd,
        grpc.insecure_channel(server.address, options=options) as other_channel,
    ):
        assert server.rest_port
        echo.gate.clear()
        calls = [prediction_service_pb2_grpc.PredictionServiceStub(crowd).Predict.future(request) for _ in range(9)]
        # One is being run.
        assert echo.entered.acquire(timeout=30)
        echo.wait_for(lambda requests: len(requests) == 3)
        call = prediction_service_pb2_grpc.PredictionServiceStub(other_channel).Predict.future(request)
        echo.wait_for(lambda requests: len(requests) == 4)
        # The reserve is taken; callers of REST count among all.
        assert ask(server.rest_port, "POST", "/v1/models/echo:predict", {"inputs": [1]}).status == 429
        echo.gate.set()
        assert call.result().outputs["x"].tensor_content
        assert sum(call.code() is grpc.StatusCode.OK for call in calls) == 4
        assert ask(server.rest_port, "POST", "/v1/models/echo:predict", {"inputs": [1]}).status == 200
