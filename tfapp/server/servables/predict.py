"""Answers the call Predict (tensorflow_serving/servables/tensorflow/predict_util.cc)."""

from __future__ import annotations

from typing import Any

import grpc
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2
from tfapp_client import contract

from tfapp.server.request_context import RequestContext
from tfapp.server.request_errors import RequestError
from tfapp.server.servables.servable import Servable
from tfapp.server.servables.tensor_protos import check_outputs, read_inputs, write_outputs

__all__ = ["predict", "signature_map", "write_spec"]


def predict(servable: Servable, request: Any, context: RequestContext | None = None) -> Any:
    """Answers a PredictRequest, whose model_spec is read for the signature's name only.

    Without a context there is no deadline and no cancellation.

    Raises:
        RequestError: No such signature, wrong inputs or outputs, the model failed, or time was up.
    """
    key = request.model_spec.signature_name or contract.DEFAULT_SIGNATURE
    signature = servable.signatures.get(key)
    if signature is None:
        raise RequestError(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{key}" not found.')
    inputs = read_inputs(request.inputs, signature.definition, signature.check_shape)
    outputs = check_outputs(request.output_filter, signature.definition)
    answer = predict_pb2.PredictResponse()
    write_spec(answer.model_spec, servable, key)
    write_outputs(signature.run(inputs, outputs, context), answer.outputs)
    return answer


def write_spec(spec: Any, servable: Servable, signature: str = "") -> None:
    """Fills an answer's model_spec with the model, version and signature that answered."""
    spec.name = servable.name
    spec.version.value = servable.version
    spec.signature_name = signature


def signature_map(servable: Servable) -> Any:
    """Returns the SignatureDefMap of a servable, which metadata answers."""
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for key, definition in servable.definitions.items():
        signatures.signature_def[key].CopyFrom(definition)
    return signatures
