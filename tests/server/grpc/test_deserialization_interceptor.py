from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

from tests.served_models import write_words
from tfapp.server import ModelServer, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    models = tmp_path_factory.mktemp("models")
    write_words(models)
    with running_server(models, port=0) as server_of_models:
        yield server_of_models


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("/tensorflow.serving.PredictionService/Predict", "unary_unary"),
        ("/tensorflow.serving.ModelService/HandleReloadConfigRequest", "unary_unary"),
        ("/grpc.health.v1.Health/Watch", "unary_stream"),
        ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "stream_stream"),
    ],
)
def test_what_is_no_message_ends_with_a_status(server: ModelServer, method: str, kind: str) -> None:
    with grpc.insecure_channel(server.address) as channel:
        call = getattr(channel, kind)(method)
        message = iter([b"\xff\xff"]) if kind == "stream_stream" else b"\xff\xff"
        with pytest.raises(grpc.RpcError) as excinfo:
            list(call(message, timeout=30))
    assert excinfo.value.code() is grpc.StatusCode.INTERNAL
    assert excinfo.value.details() == "Exception deserializing request!"


def test_an_unknown_method_is_unimplemented(server: ModelServer) -> None:
    with grpc.insecure_channel(server.address) as channel, pytest.raises(grpc.RpcError) as excinfo:
        channel.unary_unary("/tensorflow.serving.PredictionService/Nothing")(b"", timeout=30)
    assert excinfo.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_nothing_is_logged_of_it(server: ModelServer, caplog: pytest.LogCaptureFixture) -> None:
    with grpc.insecure_channel(server.address) as channel, pytest.raises(grpc.RpcError):
        channel.unary_unary("/tensorflow.serving.PredictionService/Predict")(b"\xff", timeout=30)
    assert caplog.records == []
