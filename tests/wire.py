"""The calls of a model server, by the names that they have on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import message_factory
from tensorflow_serving.apis import model_service_pb2, prediction_service_pb2

__all__ = ["CALLS", "WireCall"]


@dataclass(frozen=True)
class WireCall:
    """One call: its path, and the classes of what is sent and of what is answered."""

    path: str
    request: Any
    answer: Any

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def on(self, channel: grpc.Channel) -> Any:
        """The call on a channel, as a stub has it."""
        return channel.unary_unary(
            self.path, request_serializer=self.request.SerializeToString, response_deserializer=self.answer.FromString
        )


def _calls() -> dict[str, WireCall]:
    services = [
        prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"],
        model_service_pb2.DESCRIPTOR.services_by_name["ModelService"],
    ]
    calls = [
        WireCall(
            f"/{service.full_name}/{method.name}",
            message_factory.GetMessageClass(method.input_type),
            message_factory.GetMessageClass(method.output_type),
        )
        for service in services
        for method in service.methods
    ]
    return {call.path: call for call in calls}


# By path, such as "/tensorflow.serving.PredictionService/Predict".
CALLS = _calls()
