"""gRPC calls right and wrong, of every service that a model server has."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import wrappers_pb2
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from tensorflow.core.example import example_pb2
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

from tests.hostile.draws import maybe, mutate, name, number, several, text
from tests.hostile.tensors import fill, has_resource

__all__ = ["PREDICT", "Call", "any_call"]

_PREDICTION: Final = "/tensorflow.serving.PredictionService/"
_MODELS: Final = "/tensorflow.serving.ModelService/"
PREDICT: Final = f"{_PREDICTION}Predict"
# Of the models that are attacked: each signature's inputs with their dtypes.
_INPUTS: Final = {
    ("numbers", "serving_default"): {"x": types_pb2.DT_FLOAT},
    ("numbers", "two"): {"a": types_pb2.DT_FLOAT, "b": types_pb2.DT_FLOAT},
    ("numbers", "classify"): {"inputs": types_pb2.DT_STRING},
    ("numbers", "regress"): {"inputs": types_pb2.DT_STRING},
    ("words", "serving_default"): {"text": types_pb2.DT_STRING},
    ("toy", "serving_default"): {"text": types_pb2.DT_STRING},
    ("toy", "classify"): {"inputs": types_pb2.DT_STRING},
}
_SIGNATURES: Final = ("serving_default", "two", "classify", "regress")
_METHODS: Final = ("tensorflow/serving/classify", "tensorflow/serving/regress", "tensorflow/serving/predict")


@dataclass(frozen=True)
class Call:
    """One call, as it goes over the wire.

    Attributes:
        path: The method's.
        data: The request's bytes.
        message: The class that reads them; None where the method takes none.
        streams: Whether the method takes and answers streams.
    """

    path: str
    data: bytes
    message: Any = None
    streams: bool = False

    @property
    def holds_resource(self) -> bool:
        """Returns whether it sends a resource handle."""
        return self.path == PREDICT and self.is_read and has_resource(self.message.FromString(self.data))

    @property
    def reloads(self) -> bool:
        """Returns whether it asks for other models, which a server may do."""
        return self.path.endswith("/HandleReloadConfigRequest")

    @property
    def is_read(self) -> bool:
        """Returns whether the bytes are a message that the method takes."""
        try:
            self.message.FromString(self.data)
        except DecodeError:
            return False
        return True


def any_call(source: random.Random, models: Sequence[str]) -> Call:
    """Draws a call: mostly a request of the right form with odd content, some with faults in its bytes, or none.

    Args:
        source: Of the draws.
        models: The models that are served.
    """
    path, message, draw, streams = source.choice(_CALLS)
    request = message()
    draw(request, source, models)
    data = request.SerializeToString()
    if maybe(source, 0.2):
        data = mutate(data, source)
    elif maybe(source, 0.05):
        data = source.randbytes(source.randrange(200))
    if maybe(source, 0.02):
        return Call(
            source.choice(
                (f"{_PREDICTION}Nope", "/a.B/c", "/", f"{PREDICT}/", "/tensorflow.serving.SessionService/SessionRun")
            ),
            data,
        )
    return Call(path, data, message, streams)


def _spec(spec: Any, source: random.Random, model: str, signature: str) -> None:
    spec.name = model if maybe(source, 0.9) else text(source)
    spec.signature_name = signature if maybe(source, 0.9) else name(source, _SIGNATURES, 0.5)
    if maybe(source, 0.1):
        spec.version.CopyFrom(wrappers_pb2.Int64Value(value=number(source)))
    if maybe(source, 0.1):
        spec.version_label = text(source)


def _predict(request: Any, source: random.Random, models: Sequence[str]) -> None:
    (model, signature), inputs = source.choice([item for item in _INPUTS.items() if item[0][0] in models])
    _spec(request.model_spec, source, model, signature)
    for alias, dtype in inputs.items():
        if maybe(source, 0.95):
            fill(request.inputs[alias], source, dtype)
    for alias in several(source, text, 2) if maybe(source, 0.1) else ():
        fill(request.inputs[alias], source)
    if maybe(source, 0.2):
        request.output_filter.extend(several(source, lambda s: name(s, ("y", "x2", "upper", "label"), 0.7), 5))


def _classify(request: Any, source: random.Random, models: Sequence[str]) -> None:
    _spec(
        request.model_spec,
        source,
        source.choice(list(models)),
        source.choice(("classify", "regress", "serving_default")),
    )
    _input(request.input, source)


def _multi(request: Any, source: random.Random, _models: Sequence[str]) -> None:
    for _ in range(source.choice((0, 1, 2, 2, 5, 50))):
        task = request.tasks.add(method_name=name(source, _METHODS))
        _spec(task.model_spec, source, "numbers", source.choice(("classify", "regress")))
    _input(request.input, source)


def _input(message: Any, source: random.Random) -> None:
    match source.randrange(5):
        case 0:
            return
        case 1:
            for _ in range(source.choice((0, 1, 3))):
                message.example_list_with_context.examples.append(_example(source))
            message.example_list_with_context.context.CopyFrom(_example(source))
        case _:
            message.example_list.SetInParent()
            for _ in range(source.choice((0, 1, 1, 2, 3, 70))):
                message.example_list.examples.append(_example(source))


def _example(source: random.Random) -> Any:
    example = example_pb2.Example()
    for _ in range(source.choice((0, 1, 1, 1, 4))):
        feature = example.features.feature[name(source, ("x", "text"), 0.85)]
        rows = source.choice((0, 1, 1, 1, 2, 100))
        match source.randrange(4):
            case 0:
                feature.bytes_list.value.extend(text(source).encode() for _ in range(rows))
            case 1:
                feature.int64_list.value.extend(number(source) for _ in range(rows))
            case 2:
                feature.float_list.value.extend(source.choice((0.0, 1.0, float("nan"), 3e38)) for _ in range(rows))
            case _:
                feature.SetInParent()
    return example


def _metadata(request: Any, source: random.Random, models: Sequence[str]) -> None:
    _spec(request.model_spec, source, source.choice(list(models)), "")
    request.metadata_field.extend(name(source, ("signature_def",)) for _ in range(source.choice((0, 1, 1, 2, 50_000))))


def _status(request: Any, source: random.Random, models: Sequence[str]) -> None:
    _spec(request.model_spec, source, source.choice(list(models)), "")


def _reload(request: Any, source: random.Random, _models: Sequence[str]) -> None:
    """A configuration that no server takes: a name or a path is missing or no model's."""
    for _ in range(source.choice((0, 0, 1, 3))):
        config = request.config.model_config_list.config.add()
        config.name, config.base_path = "", text(source)
    if maybe(source, 0.3):
        request.config.custom_model_config.type_url = text(source)


def _health(request: Any, source: random.Random, _models: Sequence[str]) -> None:
    request.service = name(source, ("", "tensorflow.serving.PredictionService"), 0.5)


def _reflection(request: Any, source: random.Random, _models: Sequence[str]) -> None:
    field = source.choice(
        ("file_by_filename", "file_containing_symbol", "list_services", "all_extension_numbers_of_type")
    )
    setattr(request, field, name(source, ("tensorflow.serving.PredictionService", "*"), 0.5))


_FillRequest = Callable[[Any, random.Random, Sequence[str]], None]
_CALLS: Final[tuple[tuple[str, Any, _FillRequest, bool], ...]] = (
    *[(PREDICT, predict_pb2.PredictRequest, _predict, False)] * 6,
    (f"{_PREDICTION}Classify", classification_pb2.ClassificationRequest, _classify, False),
    (f"{_PREDICTION}Regress", regression_pb2.RegressionRequest, _classify, False),
    (f"{_PREDICTION}MultiInference", inference_pb2.MultiInferenceRequest, _multi, False),
    (f"{_PREDICTION}GetModelMetadata", get_model_metadata_pb2.GetModelMetadataRequest, _metadata, False),
    (f"{_MODELS}GetModelStatus", get_model_status_pb2.GetModelStatusRequest, _status, False),
    (f"{_MODELS}HandleReloadConfigRequest", model_management_pb2.ReloadConfigRequest, _reload, False),
    ("/grpc.health.v1.Health/Check", health_pb2.HealthCheckRequest, _health, False),
    ("/grpc.health.v1.Health/Watch", health_pb2.HealthCheckRequest, _health, True),
    (
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        reflection_pb2.ServerReflectionRequest,
        _reflection,
        True,
    ),
)
