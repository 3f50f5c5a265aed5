"""Inputs that once did harm, or nearly: tried first, each time."""

from __future__ import annotations

from typing import Any, Final

from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import classification_pb2, predict_pb2

from tests.hostile.grpc_calls import PREDICT, Call

__all__ = ["BATCH_IN_A_FEW_BYTES", "GRPC", "RESOURCE_HANDLES", "REST_BODIES"]


def _predict(model: str, alias: str, dtype: int, shape: list[int], **values: Any) -> Call:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    tensor = request.inputs[alias]
    tensor.dtype = dtype
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    for name, value in values.items():
        if isinstance(value, list):
            getattr(tensor, name).extend(value)
        else:
            setattr(tensor, name, value)
    return Call(PREDICT, request.SerializeToString(), predict_pb2.PredictRequest)


# 250 of them at the same time kept all other callers waiting.
BATCH_IN_A_FEW_BYTES: Final = _predict("numbers", "x", types_pb2.DT_FLOAT, [64], float_val=[1.0])

_LENGTHS: Final = b"\xff" * 400_000

# TensorFlow Serving ends at them.
RESOURCE_HANDLES: Final = (
    *(_predict("numbers", "x", types_pb2.DT_RESOURCE, shape) for shape in ([], [1], [0])),
    _predict("numbers", "x", types_pb2.DT_RESOURCE, [2], tensor_content=b"handle"),
)

GRPC: Final = (
    # Ranks that ended the process in an op of the tokenizer.
    *(
        _predict("words", "text", types_pb2.DT_STRING, shape, string_val=[b"a"])
        for shape in ([], [1, 0], [3, 0, 2], [0])
    ),
    # One value that fills up a giant, of rows and of ranks.
    *(
        _predict("words", "text", types_pb2.DT_STRING, shape, string_val=[b"a"])
        for shape in ([131_072], [131_072, 1, 1])
    ),
    _predict("numbers", "x", types_pb2.DT_FLOAT, [1 << 40], float_val=[1.0]),
    _predict("numbers", "x", types_pb2.DT_FLOAT, [0, 1 << 62, 1 << 62]),
    _predict("numbers", "x", types_pb2.DT_FLOAT, [1] * 10_000, float_val=[1.0]),
    # More dimensions than TensorFlow's way from NumPy has room for.
    _predict("words", "text", types_pb2.DT_STRING, [1] * 33, string_val=[b"a"]),
    # Lengths of strings without an end.
    _predict("words", "text", types_pb2.DT_STRING, [1], tensor_content=_LENGTHS),
    *RESOURCE_HANDLES,
    Call("/tensorflow.serving.PredictionService/Classify", b"", classification_pb2.ClassificationRequest),
)

REST_BODIES: Final = (
    b'{"instances":[[]]}',
    b'{"inputs":"a"}',
    b'{"instances":[]}',
    b'{"instances":[[[],[]],[[],[]]]}',
    b'{"instances":[' + b"[" * 50_000 + b"]" * 50_000 + b"]}",
    b'{"instances":[' + b"1" * 5_000 + b"]}",
    b'{"instances":["\\ud800"]}',
    b'{"instances":' + b"[" * 33 + b'"a"' + b"]" * 33 + b"}",
    b'{"instances":[NaN,Infinity,-1e999]}',
    b'{"instances":[{"b64":"="}]}',
    # Rows beyond the limit, of which only the last is malformed.
    b'{"instances":[' + b'"",' * 200_000 + b"[]]}",
)
