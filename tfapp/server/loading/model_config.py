"""Reads which models, versions and labels to serve, from a model config file or a reload request.

Checks and texts as in tensorflow_serving/model_servers/server_core.cc.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tfapp import registry
from tfapp.errors import SettingsError
from tfapp.registry.model_config import read_policy
from tfapp.server.loading.model_source import ServedModel
from tfapp.server.request_errors import RequestError, invalid_argument

__all__ = ["read_model_config", "served_models"]

_PLATFORM: Final = "tensorflow"


def read_model_config(path: Path | str) -> list[ServedModel]:
    """Reads the models to serve from a model config file, a ModelServerConfig in text format.

    Raises:
        SettingsError: The file cannot be read, is malformed, or breaks a rule.
    """
    try:
        return served_models(registry.read_model_config(path))
    except RequestError as error:
        raise SettingsError(f"{path}: {error.message}") from error


def served_models(config: Any) -> list[ServedModel]:
    """Reads the models to serve from a ModelServerConfig that holds a model_config_list.

    Raises:
        RequestError: A model is named twice, or its name, path or platform cannot be used.
    """
    models: dict[str, ServedModel] = {}
    for item in config.model_config_list.config:
        if item.name in models:
            raise invalid_argument(f"Illegal to list model {item.name} multiple times in config list")
        models[item.name] = _served_model(item)
    return list(models.values())


def _served_model(item: Any) -> ServedModel:
    _check_platform(item)
    if not item.name:
        raise invalid_argument(f"Expected a name for the model at base_path()={item.base_path}")
    if "://" in item.base_path:
        raise invalid_argument(
            f"Model {item.name} requests a remote base_path, {item.base_path}; this server reads folders"
        )
    if not item.base_path.startswith("/"):
        raise invalid_argument(
            f"Expected model {item.name} to have an absolute path or URI; got base_path()={item.base_path}"
        )
    return ServedModel(
        item.name, Path(item.base_path), read_policy(item.model_version_policy), dict(item.version_labels)
    )


def _check_platform(item: Any) -> None:
    if item.model_type and item.model_platform:
        raise invalid_argument(
            "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform."
        )
    # The deprecated model_type has TENSORFLOW as its first value.
    if not item.model_type and not item.model_platform:
        raise invalid_argument(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform."
        )
    if item.model_type > 1 or item.model_platform not in ("", _PLATFORM):
        raise invalid_argument(
            f"Model {item.name} requests unsupported platform {item.model_platform or item.model_type}"
        )
