"""Writes the messages of requests, and reads those of their responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError

from tfapp_client import codec, messages
from tfapp_client.errors import AnswerError
from tfapp_client.results import ModelMetadata, Signature, TensorInfo, VersionStatus
from tfapp_client.splitting import Part

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ModelSpec", "predict_request", "read_metadata", "read_outputs", "read_status"]


@dataclass(frozen=True)
class ModelSpec:
    """The model that a call is for.

    Attributes:
        model: The model's name.
        version: One version; None: what the label says, or the newest.
        label: A version label such as "stable".
    """

    model: str
    version: int | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        if self.version is not None and self.label is not None:
            raise ValueError(f"model {self.model}: give a version or a label, not both")

    def write(self, request: Any, signature: str = "") -> Any:
        """Fills a request's model_spec, and returns the request."""
        spec = request.model_spec
        spec.name = self.model
        spec.signature_name = signature
        if self.version is not None:
            spec.version.value = self.version
        elif self.label is not None:
            spec.version_label = self.label
        return request


def predict_request(
    model_spec: ModelSpec, inputs: Mapping[str, Any], signature: str, outputs: Sequence[str] | None
) -> Any:
    """Makes a Predict request.

    Raises:
        TypeError: `outputs` is a single str, or an input is of a dtype that TensorFlow does not have.
    """
    if isinstance(outputs, str):
        raise TypeError(f"outputs must be a list of names, got the str {outputs!r}; write [{outputs!r}]")
    request = model_spec.write(messages.PredictRequest(output_filter=outputs or ()), signature)
    for name, value in inputs.items():
        codec.write(request.inputs[name], value)
    return request


def read_outputs(response: Any) -> Part[dict[str, NDArray[Any]]]:
    """Decodes the outputs of a Predict response.

    Raises:
        AnswerError: An output cannot be read.
    """
    arrays = {}
    # A map has no order of its own.
    for name in sorted(response.outputs):
        try:
            arrays[name] = codec.decode(response.outputs[name])
        except ValueError as error:
            raise AnswerError(f"output {name} cannot be read: {error}") from error
    return Part(response.model_spec.version.value, arrays)


def read_status(response: Any) -> list[VersionStatus]:
    """Reads the states of a model's versions, newest first."""
    versions = (
        VersionStatus(item.version, messages.state_name(item.state), item.status.error_message)
        for item in response.model_version_status
    )
    return sorted(versions, key=lambda version: -version.version)


def read_metadata(model: str, response: Any) -> ModelMetadata:
    """Reads a model's signatures.

    Raises:
        AnswerError: They cannot be read.
    """
    signatures = messages.SignatureDefMap()
    try:
        signatures.ParseFromString(response.metadata["signature_def"].value)
    except DecodeError as error:
        raise AnswerError(f"model {model}: the server's signatures cannot be read: {error}") from error
    return ModelMetadata(
        model,
        response.model_spec.version.value,
        {
            name: Signature(_tensors(item.inputs), _tensors(item.outputs), item.method_name)
            for name, item in sorted(signatures.signature_def.items())
        },
    )


def _tensors(items: Mapping[str, Any]) -> dict[str, TensorInfo]:
    return {
        name: TensorInfo(
            codec.DTYPE_NAMES.get(item.dtype, str(item.dtype)),
            None if item.tensor_shape.unknown_rank else tuple(dim.size for dim in item.tensor_shape.dim),
        )
        for name, item in sorted(items.items())
    }
