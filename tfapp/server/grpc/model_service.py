"""ModelService: reports the states of models' versions, and takes a new configuration."""

from __future__ import annotations

from typing import Any

import grpc
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2, model_service_pb2_grpc

from tfapp.server.grpc.call_handler import handle_call
from tfapp.server.grpc.reload_permissions import ReloadPermissions
from tfapp.server.loading.model_manager import ModelManager
from tfapp.server.loading.model_source import served_models
from tfapp.server.request_context import RequestContext
from tfapp.server.request_errors import invalid_argument

__all__ = ["ModelService"]


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """The gRPC service that reports and configures models.

    Args:
        manager: Knows their states.
        rules: What callers may reload.
        allow_unavailable: Whether a new label may point at a version that is not loaded yet.
    """

    def __init__(self, manager: ModelManager, rules: ReloadPermissions, *, allow_unavailable: bool = False) -> None:
        self._manager = manager
        self._rules = rules
        self._allow_unavailable = allow_unavailable

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Returns the states of a model's versions; a version label is ignored, as TensorFlow Serving does."""
        return handle_call(context, self._status, request)

    def HandleReloadConfigRequest(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Replaces the whole configuration, and waits for the models that it names for the first time."""
        return handle_call(context, self._reload, request)

    def _status(self, request: Any, _context: RequestContext) -> Any:
        if not request.HasField("model_spec"):
            raise invalid_argument("Missing ModelSpec")
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else None
        status = get_model_status_pb2.GetModelStatusResponse()
        for item in self._manager.states(spec.name, version):
            entry = status.model_version_status.add(version=item.version, state=item.state.value)
            entry.status.error_code = item.code.value[0]
            entry.status.error_message = item.message
        return status

    def _reload(self, request: Any, context: RequestContext) -> Any:
        self._rules.check_caller()
        if request.config.WhichOneof("config") != "model_config_list":
            raise invalid_argument(
                "ServerModelConfig type not supported by HandleReloadConfigRequest. "
                "Only ModelConfigList is currently supported"
            )
        models = served_models(request.config)
        self._rules.check_models(models)
        self._manager.reload(models, allow_unavailable=self._allow_unavailable, seconds=context.time_remaining())
        response = model_management_pb2.ReloadConfigResponse()
        response.status.SetInParent()
        return response
