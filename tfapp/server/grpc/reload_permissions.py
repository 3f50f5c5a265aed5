"""Decides whether callers may send a new configuration, and which folders it may name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import grpc

from tfapp.server.loading.model_source import ServedModel
from tfapp.server.request_errors import RequestError
from tfapp.server.settings import ServerSettings

__all__ = ["ReloadPermissions"]


class ReloadPermissions:
    """The permissions for HandleReloadConfigRequest.

    Args:
        settings: Whether they may at all, and the models root.
        models: The models that the server was started with: without a models root, others must lie beside them.
    """

    def __init__(self, settings: ServerSettings, models: Collection[ServedModel] = ()) -> None:
        mutual_tls = settings.tls is not None and settings.tls.client_verify
        self._allowed = settings.allow_reload or mutual_tls
        root = settings.models_root
        folders = {_parent_folder(model.base_path) for model in models} if root is None else {root}
        self._roots = [folder.absolute().resolve() for folder in folders]

    def check_caller(self) -> None:
        """Checks that a caller may reload.

        Raises:
            RequestError: This server takes no configuration from callers.
        """
        if not self._allowed:
            raise RequestError(
                grpc.StatusCode.PERMISSION_DENIED,
                "HandleReloadConfigRequest is off on this server; start it with --allow_reload, or with mutual TLS "
                "(client_verify in its --ssl_config_file)",
            )

    def check_models(self, models: Sequence[ServedModel]) -> None:
        """Checks the base paths, of which the answer tells nothing that the caller did not say.

        Raises:
            RequestError: One is outside of the models root.
        """
        outside = next((model for model in models if not self._inside(model.base_path)), None)
        if outside is not None:
            raise RequestError(
                grpc.StatusCode.PERMISSION_DENIED,
                f"base_path of model {outside.name} is outside of the folder that this server takes models from; "
                "start it with --models_root to name another",
            )

    def _inside(self, path: Path) -> bool:
        try:
            resolved_path = path.resolve()
        except (OSError, RuntimeError, ValueError):
            # A loop of links, or a name that no file can have.
            return False
        return any(resolved_path.is_relative_to(root) for root in self._roots)


def _parent_folder(base_path: Path) -> Path:
    """Returns the folder of a model's neighbours; the model's own where that would be the root of all files."""
    folder = base_path.absolute().parent
    return folder if folder != folder.parent else base_path
