"""The messages of TensorFlow Serving, reduced to those fields that this client sends and reads.

They are compiled from `protos/*.proto` (`make protos`) and live in a descriptor pool of their own, so that they load
beside TensorFlow's messages in one process, and with any runtime version of protobuf. The wire carries field numbers
alone, not names, so a server cannot tell them from its own.
"""

from __future__ import annotations

import pkgutil
from typing import Any, Final

from tfapp_client.message_pool import MessagePool

__all__ = [
    "AVAILABLE",
    "SERVING",
    "GetModelMetadataRequest",
    "GetModelMetadataResponse",
    "GetModelStatusRequest",
    "GetModelStatusResponse",
    "HealthCheckRequest",
    "HealthCheckResponse",
    "PredictRequest",
    "PredictResponse",
    "SignatureDefMap",
    "TensorProto",
    "message_class",
    "state_name",
]

# importlib.resources would take as long to import as all of this package.
_POOL: Final = MessagePool(__package__, pkgutil.get_data(__package__, "protos/serving.binpb") or b"")


def message_class(name: str) -> Any:
    """Returns the class of a message of `protos/`, such as "PredictRequest"."""
    return _POOL.message_class(name)


GetModelMetadataRequest: Final[Any] = message_class("GetModelMetadataRequest")
GetModelMetadataResponse: Final[Any] = message_class("GetModelMetadataResponse")
GetModelStatusRequest: Final[Any] = message_class("GetModelStatusRequest")
GetModelStatusResponse: Final[Any] = message_class("GetModelStatusResponse")
HealthCheckRequest: Final[Any] = message_class("HealthCheckRequest")
HealthCheckResponse: Final[Any] = message_class("HealthCheckResponse")
PredictRequest: Final[Any] = message_class("PredictRequest")
PredictResponse: Final[Any] = message_class("PredictResponse")
SignatureDefMap: Final[Any] = message_class("SignatureDefMap")
TensorProto: Final[Any] = message_class("TensorProto")

_STATES = message_class("ModelVersionStatus").DESCRIPTOR.enum_types_by_name["State"]
AVAILABLE: Final = "AVAILABLE"
SERVING: Final[int] = (
    HealthCheckResponse.DESCRIPTOR.enum_types_by_name["ServingStatus"].values_by_name["SERVING"].number
)


def state_name(state: int) -> str:
    """Names a version's state as the server counts it: 30 is "AVAILABLE"."""
    value = _STATES.values_by_number.get(state)
    return value.name if value else str(state)
