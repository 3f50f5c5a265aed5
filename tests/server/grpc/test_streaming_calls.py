"""Streaming calls whose answers nobody reads, and too many of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from tfapp_client import Client

from tests.hostile.http2 import Http2Connection, whole_call
from tests.server.echo import Echo, serving_echo
from tfapp.server import ModelServer

_WATCH: Final = "/grpc.health.v1.Health/Watch"
_REFLECTION: Final = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
_LIST: Final = reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString()
_MOST: Final = 128
_BOUND: Final = (
    f"{_MOST} are in work, of at most {_MOST} for callers with many (half of --grpc_max_threads, 128 or more)"
)


@contextmanager
def _unread(server: ModelServer, path: str, message: bytes, count: int = 1) -> Iterator[Http2Connection]:
    """Opens calls on a connection with a shut window, of which the server has begun to answer each."""
    with closing(Http2Connection(server.address, 60)) as connection:
        connection.open(window=0)
        streams = range(1, 2 * count, 2)
        connection.send([whole_call(stream, path, message, ends=False) for stream in streams])
        connection.wait_for_headers(streams)
        yield connection


def test_a_watch_that_nobody_reads_holds_up_neither_checks_nor_the_stop(tmp_path: Path) -> None:
    with (
        serving_echo(tmp_path, Echo(), drain_seconds=0.1) as server,
        Client(server.address) as client,
        _unread(server, _WATCH, b""),
    ):
        assert client.health(timeout=60)
        assert server.stop()


def test_reflection_that_nobody_reads_takes_no_thread_from_requests(tmp_path: Path) -> None:
    """The calls are many more than there are threads; those beyond the limit are refused."""
    with (
        serving_echo(tmp_path, Echo(), grpc_max_threads=1) as server,
        Client(server.address) as client,
        _unread(server, _REFLECTION, _LIST, 400) as connection,
    ):
        assert client.predict("echo", {"x": [1.0]}, timeout=60)["x"].tolist() == [1]
        assert f"too many streaming calls: {_BOUND}".encode() in connection.headers


def test_a_streaming_answer_that_nobody_reads_ends_its_call(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with (
        serving_echo(tmp_path, Echo(), grpc_message_timeout_seconds=0.05) as server,
        _unread(server, _REFLECTION, _LIST) as connection,
    ):
        connection.wait_for([1])
    bound = "the answer was not taken within 0.05 s (--grpc_message_timeout_seconds): ended 1 calls, the first of "
    assert bound in caplog.text


def _watches(channel: grpc.Channel, count: int) -> list[Any]:
    watch = health_pb2_grpc.HealthStub(channel).Watch
    return [watch(health_pb2.HealthCheckRequest(), timeout=60) for _ in range(count)]


def test_too_many_watches_of_one_caller_are_refused_and_others_are_not(tmp_path: Path) -> None:
    # Channels of one process to one address share a connection otherwise.
    options = [("grpc.use_local_subchannel_pool", 1)]
    with (
        serving_echo(tmp_path, Echo(), drain_seconds=300) as server,
        grpc.insecure_channel(server.address, options) as channel,
        grpc.insecure_channel(server.address, options) as other_channel,
    ):
        watches = _watches(channel, _MOST)
        assert all(next(watch).status == health_pb2.HealthCheckResponse.SERVING for watch in watches)
        with pytest.raises(grpc.RpcError) as excinfo:
            next(_watches(channel, 1)[0])
        assert excinfo.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert excinfo.value.details() == f"too many streaming calls: {_BOUND}"
        (other_watch,) = _watches(other_channel, 1)
        assert next(other_watch).status == health_pb2.HealthCheckResponse.SERVING
        # The stop ends the watches, and does not wait for their callers to leave.
        assert server.stop()
        assert [answer.status for answer in other_watch] == [health_pb2.HealthCheckResponse.NOT_SERVING]
