"""A model server's gRPC port: what it may answer to hostile calls, and what it must answer to good ones."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import grpc
from tensorflow_serving.apis import model_management_pb2, predict_pb2
from tfapp_client import codec

from tests.hostile.attack import HANG_SECONDS
from tests.hostile.grpc_calls import PREDICT, Call

__all__ = ["GrpcPort"]

_RELOAD: Final = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"
# What a server says that has too much to do.
_BUSY: Final = "The batch scheduling queue to which this task was submitted is full"
# What it is asked in between: model, input, its values, output, the right values.
_GOOD: Final = (
    ("numbers", "x", [1.0, 2.0], "x2", [2.0, 4.0]),
    ("words", "text", ["a", "é"], "upper", [b"A", "é".encode()]),
)


class GrpcPort:
    """Sends calls over a channel.

    Args:
        channel: To a server with the models `numbers` and `words`.
        without: The capabilities that the server lacks.
    """

    def __init__(self, channel: grpc.Channel, without: Collection[str] = ()) -> None:
        self._channel = channel
        self._without = without
        # A server that takes reloads from anybody would rightly serve something else afterwards.
        probe = Call(_RELOAD, b"", model_management_pb2.ReloadConfigRequest)
        self._takes_reloads = self._answer(probe)[0] is grpc.StatusCode.INVALID_ARGUMENT

    def send(self, call: Call) -> grpc.StatusCode | None:
        """Sends a call and returns its status; None: it was not sent, as the server may rightly come to harm by it.

        Raises:
            AssertionError: The answer is a failure of the server's own, or none came.
        """
        if (call.reloads and self._takes_reloads) or (call.holds_resource and "resource-tensors" in self._without):
            return None
        code, text = self._answer(call)
        assert _may_answer(call, code, text), f"{call.path} {call.data[:300]!r}: {code.name}: {text}"
        return code

    def still_good(self) -> None:
        """Asks two models for what they know.

        Raises:
            AssertionError: An answer is wrong.
            grpc.RpcError: There is none.
        """
        for model, alias, given, output, right in _GOOD:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = model
            request.inputs[alias].ParseFromString(codec.encode(given).SerializeToString())
            answer = self._channel.unary_unary(PREDICT)(request.SerializeToString(), timeout=HANG_SECONDS)
            outputs = predict_pb2.PredictResponse.FromString(answer).outputs
            assert codec.decode(outputs[output]).tolist() == right

    def _answer(self, call: Call) -> tuple[grpc.StatusCode, str]:
        try:
            if call.streams:
                answers = self._channel.stream_stream(call.path)(iter([call.data]), timeout=HANG_SECONDS)
                next(answers, None)
                answers.cancel()
            else:
                self._channel.unary_unary(call.path)(call.data, timeout=HANG_SECONDS)
        except grpc.RpcError as error:
            return error.code(), error.details() or ""
        return grpc.StatusCode.OK, ""


def _may_answer(call: Call, code: grpc.StatusCode, text: str) -> bool:
    match code:
        case grpc.StatusCode.INTERNAL:
            # So gRPC answers what is no message.
            return call.message is None or not call.is_read
        case grpc.StatusCode.UNAVAILABLE:
            return text.startswith(_BUSY)
        case grpc.StatusCode.UNKNOWN:
            return not text.startswith("Exception ")
        case _:
            return code is not grpc.StatusCode.DEADLINE_EXCEEDED
