from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
from tfapp_client import Client
from tfapp_client.errors import CancelledError, InvalidArgumentError, UnavailableError

from tests.served_models import write_numbers, write_words
from tfapp.errors import RegistryError, ServerError
from tfapp.server import ModelServer, ServerSettings, running_server
from tfapp.server.loading.model_source import FolderSource


class SlowSignature:
    """Echoes its input, once the gate is open; tells when it was entered."""

    def __init__(self) -> None:
        self.definition = meta_graph_pb2.SignatureDef()
        self.definition.inputs["x"].dtype = self.definition.outputs["x"].dtype = types_pb2.DT_FLOAT
        self.entered = threading.Event()
        self.gate = threading.Event()

    def check_shape(self, alias: str, shape: Any) -> None:
        """Accepts any size."""

    def run(self, inputs: dict[str, Any], _outputs: list[str], _caller: Any) -> dict[str, Any]:
        self.entered.set()
        assert self.gate.wait(60)
        return inputs


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_numbers(folder, 1)
    write_words(folder)
    return folder


@pytest.fixture(scope="module")
def server(models: Path) -> Iterator[ModelServer]:
    with running_server(models, port=0) as new_server:
        yield new_server


def test_serves_every_model_of_the_folder(server: ModelServer) -> None:
    assert server.manager.available() == {"numbers": [1], "words": [1]}
    with Client(server.address) as client:
        assert client.health()
        assert client.health("PredictionService")
        assert client.health("ModelService")


def test_serves_named_models_only(models: Path) -> None:
    with running_server(models, names=["words"], port=0) as new_server:
        assert new_server.manager.available() == {"words": [1]}


def test_a_taken_port_is_said_before_anything_is_loaded(models: Path, server: ModelServer) -> None:
    with (
        pytest.raises(ServerError, match=f"cannot listen on 127.0.0.1:{server.port}: .*choose another with --port"),
        running_server(models, port=server.port),
    ):
        pass
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ServerError, match="Address already in use"), running_server(models, port=port):
            pass


def test_a_folder_without_models(tmp_path: Path, models: Path) -> None:
    for folder, text in (
        (tmp_path / "no", "no such models folder"),
        (tmp_path, "no model in it"),
        (models / "words", "serve"),
    ):
        with pytest.raises(RegistryError, match=text), running_server(folder, port=0):
            pass
    with pytest.raises(RegistryError, match='did you mean "words"'), running_server(models, names=["wrds"], port=0):
        pass


def test_a_model_that_does_not_load(tmp_path: Path) -> None:
    (tmp_path / "broken" / "1").mkdir(parents=True)
    (tmp_path / "broken" / "1" / "saved_model.pb").write_bytes(b"not a model")
    with (
        pytest.raises(ServerError, match="no model could be loaded; model broken version 1"),
        running_server(tmp_path, port=0),
    ):
        pass
    write_words(tmp_path)
    with running_server(tmp_path, port=0) as new_server, Client(new_server.address) as client:
        assert new_server.manager.available() == {"words": [1]}
        assert client.status("broken")[0].state in ("LOADING", "END")
        assert client.predict("words", {"text": ["a"]})["upper"].tolist() == [b"A"]


def test_a_new_version_takes_over_while_requests_come(tmp_path: Path) -> None:
    write_numbers(tmp_path, 1)
    settings = ServerSettings(port=0, file_system_poll_wait_seconds=0.05)
    finish = threading.Event()
    answers: list[float] = []
    with running_server(tmp_path, settings=settings) as new_server, Client(new_server.address) as client:

        def ask() -> None:
            while not finish.is_set():
                answers.append(client.predict("numbers", {"x": [0.0]})["y"].item())

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        write_numbers(tmp_path, 2)
        client.wait_until_ready("numbers", 60, version=2)
        answers.append(client.predict("numbers", {"x": [0.0]})["y"].item())
        finish.set()
        for thread in threads:
            thread.join(30)
    assert set(answers) == {1.0, 2.0}
    assert answers[-1] == 2.0


def test_a_stop_finishes_what_was_taken_and_refuses_the_rest(tmp_path: Path) -> None:
    (tmp_path / "slow" / "1").mkdir(parents=True)
    slow = SlowSignature()

    def load(name: str, version: int, folder: Path) -> Any:
        return SimpleNamespace(name=name, version=version, signatures={"serving_default": slow})

    server = ModelServer(FolderSource(tmp_path), ServerSettings(port=0, drain_seconds=60), load=load)
    server.start()
    answers: list[dict[str, Any]] = []
    with Client(server.address, timeout=60) as early_client, Client(server.address, timeout=60) as late_client:
        call = threading.Thread(target=lambda: answers.append(early_client.predict("slow", {"x": [1.5]})))
        call.start()
        assert slow.entered.wait(30)
        stop = threading.Thread(target=server.stop)
        stop.start()
        # A call that comes in the very moment of the stop is cancelled by gRPC itself.
        with pytest.raises((UnavailableError, CancelledError)):
            _ask_until_refused(late_client)
        slow.gate.set()
        call.join(60)
        stop.join(60)
    assert answers[0]["x"].tolist() == [1.5]


def test_a_huge_claim_costs_no_memory(server: ModelServer) -> None:
    with grpc.insecure_channel(server.address) as channel:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "numbers"
        tensor = tf.make_tensor_proto([1.0])
        malformed_message = "tensor parsing error: x"
        for size, rule in (
            (1 << 19, "--max_request_rows"),
            (1 << 33, malformed_message),
            ((1 << 63) - 1, malformed_message),
        ):
            tensor.tensor_shape.dim[0].size = size
            request.inputs["x"].CopyFrom(tensor)
            with pytest.raises(grpc.RpcError, match=rule):
                prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=20)
        tensor.tensor_shape.dim[0].size = 1000
        request.inputs["x"].CopyFrom(tensor)
        assert prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=20)


def test_errors_reach_the_client_with_their_text(server: ModelServer) -> None:
    with Client(server.address) as client, pytest.raises(InvalidArgumentError) as excinfo:
        client.predict("words", {"text": [1.0]})
    assert excinfo.value.details == "Expects arg[0] to be string but float is provided"


def _ask_until_refused(client: Client) -> None:
    while True:
        client.status("slow")
