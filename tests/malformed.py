"""Requests that are wrong, by mistake or by malice."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import grpc
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import classification_pb2, get_model_metadata_pb2, inference_pb2, predict_pb2
from tfapp_client import codec

from tests.served_models import example
from tests.wire import CALLS

__all__ = ["METHODS", "PREDICT", "any_request", "mutated", "predict_bytes", "sender", "valid"]

_SERVICE = "/tensorflow.serving.PredictionService/"
PREDICT = _SERVICE + "Predict"
# All that change nothing.
METHODS = [path for path in CALLS if not path.endswith("/HandleReloadConfigRequest")]
_RESOURCES = (types_pb2.DT_RESOURCE, types_pb2.DT_RESOURCE_REF)
# A few bytes may stand for more rows than a queue has room for.
_FULL = "The batch scheduling queue to which this task was submitted is full"


def sender(channel: grpc.Channel) -> Callable[[str, bytes], grpc.StatusCode]:
    """Makes a function that sends bytes to a method and returns the status; it fails where the server has a defect."""
    calls = {path: channel.unary_unary(path) for path in METHODS}

    def send(path: str, data: bytes) -> grpc.StatusCode:
        call = calls[path].future(data, timeout=60)
        code, text = call.code(), call.details()
        assert not _is_defect(path, data, code, text), (path, data, text)
        return code

    return send


def _is_defect(path: str, data: bytes, code: grpc.StatusCode, text: str) -> bool:
    """Whether an answer is a failure of the server's own, or none at all."""
    match code:
        case grpc.StatusCode.INTERNAL:
            # So gRPC answers what is no message.
            return CALLS[path].reads(data)
        case grpc.StatusCode.UNAVAILABLE:
            return not text.startswith(_FULL)
        case _:
            return code is grpc.StatusCode.DEADLINE_EXCEEDED


def valid() -> list[tuple[str, bytes]]:
    """Requests that the models `numbers` and `words` answer: the method, the bytes."""
    predict = predict_pb2.PredictRequest()
    predict.model_spec.name = "numbers"
    predict.inputs["x"].ParseFromString(codec.encode([1.0, 2.0]).SerializeToString())
    words = predict_pb2.PredictRequest()
    words.model_spec.name = "words"
    words.inputs["text"].ParseFromString(codec.encode(["a", "é"]).SerializeToString())
    classify = classification_pb2.ClassificationRequest()
    classify.model_spec.name, classify.model_spec.signature_name = "numbers", "classify"
    classify.input.example_list.examples.append(example(x=1.0))
    both = inference_pb2.MultiInferenceRequest()
    task = both.tasks.add(method_name="tensorflow/serving/regress")
    task.model_spec.name, task.model_spec.signature_name = "numbers", "regress"
    both.input.example_list.examples.append(example(x=1.0))
    metadata = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    metadata.model_spec.name = "numbers"
    named = [("Predict", predict), ("Predict", words), ("Classify", classify), ("MultiInference", both)]
    return [
        (_SERVICE + name, request.SerializeToString()) for name, request in [*named, ("GetModelMetadata", metadata)]
    ]


def mutated(data: bytes, source: random.Random) -> bytes:
    """Flips, drops, doubles and puts in bytes."""
    made = bytearray(data)
    for _ in range(source.randint(1, 6)):
        at = source.randrange(len(made) + 1)
        match source.randrange(4):
            case 0 if at < len(made):
                made[at] ^= 1 << source.randrange(8)
            case 1:
                del made[at : at + source.randint(1, 4)]
            case 2:
                made[at:at] = made[at : at + source.randint(1, 8)]
            case _:
                made[at:at] = source.randbytes(source.randint(1, 4))
    return bytes(made)


def predict_bytes(dtype: int, shape: list[int], fields: dict[str, Any]) -> bytes:
    """A Predict of `numbers` with one tensor, made of what is given."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "numbers"
    tensor = request.inputs["x"]
    tensor.dtype = dtype
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    for name, value in fields.items():
        if isinstance(value, list):
            getattr(tensor, name).extend(value)
        else:
            setattr(tensor, name, value)
    return request.SerializeToString()


def any_request(source: random.Random) -> tuple[str, bytes]:
    """Random bytes, a valid request with faults, or a tensor that is not what it says; no resource handle."""
    while True:
        path, data = _any_request(source)
        if not _has_resource(path, data):
            return path, data


def _has_resource(path: str, data: bytes) -> bool:
    """Whether a request holds a resource handle, at which TensorFlow Serving ends."""
    if path != PREDICT or not CALLS[path].reads(data):
        return False
    inputs = predict_pb2.PredictRequest.FromString(data).inputs.values()
    return any(tensor.dtype in _RESOURCES for tensor in inputs)


def _any_request(source: random.Random) -> tuple[str, bytes]:
    match source.randrange(3):
        case 0:
            return source.choice(METHODS), source.randbytes(source.randrange(200))
        case 1:
            method, data = source.choice(valid())
            return method, mutated(data, source)
        case _:
            shape = [source.choice([-1, 0, 1, 2, 1 << 20, 1 << 31, 1 << 62]) for _ in range(source.randrange(4))]
            return PREDICT, predict_bytes(source.randrange(30), shape, {"float_val": [1.0]})
