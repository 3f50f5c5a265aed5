"""A model server's gRPC port: what it may answer to hostile calls, and what it must answer to good ones."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import grpc
from tensorflow_serving.apis import model_management_pb2, predict_pb2
from tfapp_client import codec

from tests.hostile.attack import HANG_SECONDS
from tests.hostile.grpc_calls import PREDICT, Call

__all__ = ["GOOD", "GrpcPort", "Question"]

_RELOAD: Final = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"
# What a server says that has too much to do.
_BUSY: Final = "The batch scheduling queue to which this task was submitted is full"


@dataclass(frozen=True)
class Question:
    """A question for the server between two inputs, with the right answer."""

    model: str
    alias: str
    given: list[float] | list[str]
    output: str
    right: list[float] | list[bytes]

    def request(self) -> bytes:
        """The message of a Predict call."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self.model
        request.inputs[self.alias].ParseFromString(codec.encode(self.given).SerializeToString())
        return request.SerializeToString()

    def check(self, answer: bytes) -> None:
        """Looks whether an answer is right.

        Raises:
            AssertionError: It is not.
        """
        outputs = predict_pb2.PredictResponse.FromString(answer).outputs
        assert codec.decode(outputs[self.output]).tolist() == self.right


GOOD: Final = (
    Question("numbers", "x", [1.0, 2.0], "x2", [2.0, 4.0]),
    Question("words", "text", ["a", "é"], "upper", [b"A", "é".encode()]),
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

    def takes(self, call: Call) -> bool:
        """Returns whether a call may be sent; others may rightly do the server harm."""
        reloads = call.reloads and self._takes_reloads
        return not reloads and not (call.holds_resource and "resource-tensors" in self._without)

    def send(self, call: Call) -> grpc.StatusCode | None:
        """Sends a call and returns its status; None: it was not sent, see `takes`.

        Raises:
            AssertionError: The answer is a failure of the server's own, or none came.
        """
        if not self.takes(call):
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
        for question in GOOD:
            question.check(self._channel.unary_unary(PREDICT)(question.request(), timeout=HANG_SECONDS))

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
