"""gRPC calls of a server under test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf import json_format
from numpy.typing import ArrayLike
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2
from tfapp_client import codec

__all__ = ["Calls", "ModelConfig", "config_text", "model_config", "predict_request", "refused"]

ModelConfig = Mapping[str, Any]

_TIMEOUT: Final = 60
_TensorProto: Final = type(predict_pb2.PredictRequest().inputs[""])


class Calls:
    """Calls over one channel."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(channel)

    def predict(self, model: str, inputs: Mapping[str, ArrayLike], **spec: Any) -> Any:
        """The PredictResponse; see `predict_request`."""
        return self.prediction.Predict(predict_request(model, inputs, **spec), timeout=_TIMEOUT)

    def start(self, model: str, inputs: Mapping[str, ArrayLike], timeout: float = _TIMEOUT) -> Any:
        """A Predict that goes on by itself."""
        return self.prediction.Predict.future(predict_request(model, inputs), timeout=timeout)

    def outputs(self, model: str, inputs: Mapping[str, ArrayLike], **spec: Any) -> dict[str, list[Any]]:
        """Returns what Predict answers, as lists."""
        answer = self.predict(model, inputs, **spec)
        return {alias: codec.decode(tensor).tolist() for alias, tensor in answer.outputs.items()}

    def statuses(self, model: str) -> dict[int, Any]:
        """The ModelVersionStatus of each version; none where the server knows no version of the model."""
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = model
        try:
            answer = self.models.GetModelStatus(request, timeout=_TIMEOUT)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            return {}
        return {status.version: status for status in answer.model_version_status}

    def states(self, model: str) -> dict[int, str]:
        """The states of a model's versions."""
        name = get_model_status_pb2.ModelVersionStatus.State.Name
        return {version: name(status.state) for version, status in self.statuses(model).items()}

    def available(self, model: str) -> set[int]:
        """The versions in service."""
        return {version for version, state in self.states(model).items() if state == "AVAILABLE"}

    def reload(self, *models: ModelConfig) -> None:
        """Has the server take another configuration."""
        request = model_management_pb2.ReloadConfigRequest()
        request.config.CopyFrom(_server_config(models))
        self.models.HandleReloadConfigRequest(request, timeout=_TIMEOUT)


def predict_request(
    model: str,
    inputs: Mapping[str, ArrayLike],
    *,
    version: int | None = None,
    label: str = "",
    signature: str = "",
    outputs: Sequence[str] = (),
) -> Any:
    """A PredictRequest."""
    request = predict_pb2.PredictRequest(output_filter=outputs)
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    elif label:
        request.model_spec.version_label = label
    for alias, value in inputs.items():
        request.inputs[alias].CopyFrom(codec.encode(value, tensor_class=_TensorProto))
    return request


def model_config(name: str, base_path: Path, policy: ModelConfig | None = None, **labels: int) -> ModelConfig:
    """One model of a configuration, such as `model_config("m", path, {"specific": {"versions": [1]}}, stable=1)`."""
    config = {"name": name, "base_path": str(base_path), "model_platform": "tensorflow", "version_labels": labels}
    return {**config, "model_version_policy": policy} if policy is not None else config


def config_text(*models: ModelConfig) -> str:
    """A model config file."""
    return str(_server_config(models))


@contextmanager
def refused(code: str) -> Iterator[Callable[[], str]]:
    """Expects a gRPC status; gives a function that tells its text, once the block has ended."""
    errors: list[grpc.RpcError] = []
    try:
        yield lambda: str(errors[0].details())
    except grpc.RpcError as error:
        errors.append(error)
    assert errors, f"expected {code}, and was answered"
    assert errors[0].code().name == code, errors[0].details()


def _server_config(models: Sequence[ModelConfig]) -> Any:
    config = {"model_config_list": {"config": list(models)}}
    return json_format.ParseDict(config, model_server_config_pb2.ModelServerConfig())
