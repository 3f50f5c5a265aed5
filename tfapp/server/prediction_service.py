"""PredictionService: finds the servable, hands it the request."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias

import grpc
from tensorflow_serving.apis import get_model_metadata_pb2, model_pb2, prediction_service_pb2_grpc

from tfapp.server import examples
from tfapp.server.answering import answer
from tfapp.server.caller import Caller
from tfapp.server.listener import Shared
from tfapp.server.predict import predict, signature_map, write_spec
from tfapp.server.servable import Servable
from tfapp.server.status import invalid_argument

__all__ = ["PredictionService"]

_SIGNATURES: Final = "signature_def"

_Call: TypeAlias = Callable[[Servable, Any, Caller], Any]


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """The calls that run models.

    Args:
        shared: The models, the limit on calls, and what is counted.
    """

    def __init__(self, shared: Shared) -> None:
        self._manager = shared.manager
        self._limit = shared.limit
        self._metrics = shared.metrics

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Tensors in, tensors out."""
        return answer(context, partial(self._counted, "Predict", predict), request)

    def Classify(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Examples in, labels with scores out."""
        return answer(context, partial(self._on_examples, "Classify", examples.classify), request)

    def Regress(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Examples in, numbers out."""
        return answer(context, partial(self._on_examples, "Regress", examples.regress), request)

    def MultiInference(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Examples in, the results of several signatures out."""
        return answer(context, self._multi_inference, request)

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Tells a model's signatures."""
        return answer(context, self._metadata, request)

    def _run(self, call: _Call, spec: Any, request: Any, caller: Caller) -> Any:
        with self._limit, self._manager.use(spec.name, *_version_choice(spec)) as servable:
            return call(servable, request, caller)

    def _counted(self, api: str, call: _Call, request: Any, caller: Caller, spec: Any = None) -> Any:
        asked = request.model_spec if spec is None else spec
        with self._metrics.request(asked.name, api, "GRPC", caller):
            return self._run(call, asked, request, caller)

    def _on_examples(self, api: str, call: _Call, request: Any, caller: Caller, spec: Any = None) -> Any:
        answered = self._counted(api, call, request, caller, spec)
        name = (request.model_spec if spec is None else spec).name
        self._metrics.examples(name, examples.count(request.input))
        return answered

    def _multi_inference(self, request: Any, caller: Caller) -> Any:
        spec = request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()
        return self._on_examples("MultiInference", examples.multi_inference, request, caller, spec)

    def _metadata(self, request: Any, caller: Caller) -> Any:
        if not request.HasField("model_spec"):
            raise invalid_argument("Missing ModelSpec")
        if not request.metadata_field:
            raise invalid_argument("GetModelMetadataRequest must specify at least one metadata_field")
        for name in request.metadata_field:
            if name != _SIGNATURES:
                raise invalid_argument(f"Metadata field {name} is not supported")
        return self._run(_signatures, request.model_spec, request, caller)


def _signatures(servable: Servable, _request: Any, _caller: Caller) -> Any:
    found = signature_map(servable)
    metadata = get_model_metadata_pb2.GetModelMetadataResponse()
    write_spec(metadata.model_spec, servable)
    # Once, however often it was asked for: a message keeps what was packed into it before.
    metadata.metadata[_SIGNATURES].Pack(found)
    return metadata


def _version_choice(spec: Any) -> tuple[int | None, str | None]:
    version = spec.version.value if spec.HasField("version") else None
    return version, spec.version_label or None
