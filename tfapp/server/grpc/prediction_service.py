"""PredictionService: finds the version that a request asks for, and runs it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias

import grpc
from tensorflow_serving.apis import get_model_metadata_pb2, model_pb2, prediction_service_pb2_grpc

from tfapp.server.grpc.call_handler import handle_call
from tfapp.server.listener import ListenerContext
from tfapp.server.request_context import RequestContext
from tfapp.server.request_errors import invalid_argument
from tfapp.server.servables import classify_regress
from tfapp.server.servables.predict import predict, signature_map, write_spec
from tfapp.server.servables.servable import Servable

__all__ = ["PredictionService"]

_SIGNATURES: Final = "signature_def"

_PredictionCall: TypeAlias = Callable[[Servable, Any, RequestContext], Any]


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """The gRPC service that runs models.

    Args:
        context: The models, the limit on calls, and what is counted.
    """

    def __init__(self, context: ListenerContext) -> None:
        self._manager = context.manager
        self._limiter = context.limiter
        self._metrics = context.metrics

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Answers tensors with tensors."""
        return handle_call(context, partial(self._run_and_count, "Predict", predict), request)

    def Classify(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Answers examples with labels and scores."""
        return handle_call(context, partial(self._on_examples, "Classify", classify_regress.classify), request)

    def Regress(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Answers examples with numbers."""
        return handle_call(context, partial(self._on_examples, "Regress", classify_regress.regress), request)

    def MultiInference(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Answers examples with the results of several signatures."""
        return handle_call(context, self._multi_inference, request)

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Returns a model's signatures."""
        return handle_call(context, self._metadata, request)

    def _run(self, call: _PredictionCall, spec: Any, request: Any, context: RequestContext) -> Any:
        version = spec.version.value if spec.HasField("version") else None
        with (
            self._limiter.hold(context.connection),
            self._manager.use(spec.name, version, spec.version_label or None) as servable,
        ):
            return call(servable, request, context)

    def _run_and_count(
        self, api: str, call: _PredictionCall, request: Any, context: RequestContext, spec: Any = None
    ) -> Any:
        spec = request.model_spec if spec is None else spec
        with self._metrics.request(spec.name, api, "GRPC", context):
            return self._run(call, spec, request, context)

    def _on_examples(
        self, api: str, call: _PredictionCall, request: Any, context: RequestContext, spec: Any = None
    ) -> Any:
        response = self._run_and_count(api, call, request, context, spec)
        name = (request.model_spec if spec is None else spec).name
        self._metrics.examples(name, classify_regress.count(request.input))
        return response

    def _multi_inference(self, request: Any, context: RequestContext) -> Any:
        spec = request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()
        return self._on_examples("MultiInference", classify_regress.multi_inference, request, context, spec)

    def _metadata(self, request: Any, context: RequestContext) -> Any:
        if not request.HasField("model_spec"):
            raise invalid_argument("Missing ModelSpec")
        if not request.metadata_field:
            raise invalid_argument("GetModelMetadataRequest must specify at least one metadata_field")
        for name in request.metadata_field:
            if name != _SIGNATURES:
                raise invalid_argument(f"Metadata field {name} is not supported")
        return self._run(_signatures, request.model_spec, request, context)


def _signatures(servable: Servable, _request: Any, _context: RequestContext) -> Any:
    metadata = get_model_metadata_pb2.GetModelMetadataResponse()
    write_spec(metadata.model_spec, servable)
    # Once, however often it was asked for: a message keeps what was packed into it before.
    metadata.metadata[_SIGNATURES].Pack(signature_map(servable))
    return metadata
