"""Sources of the models to serve: a folder of models, a model config file, or a reload request.

Checks and texts as in tensorflow_serving/model_servers/server_core.cc.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

from tfapp import registry
from tfapp.errors import SettingsError
from tfapp.registry.version_policy import Policy, latest, read_policy
from tfapp.server.request_errors import RequestError, invalid_argument

__all__ = ["FolderSource", "ModelSource", "ServedModel", "read_served_models", "served_models"]

_PLATFORM: Final = "tensorflow"


@dataclass(frozen=True)
class ServedModel:
    """A model to serve, with its version policy and labels.

    Attributes:
        name: What callers name it.
        base_path: The folder that holds its versions.
        policy: Which versions to serve.
        labels: Names for versions, such as "stable".
    """

    name: str
    base_path: Path
    policy: Policy = field(default_factory=latest)
    labels: Mapping[str, int] = field(default_factory=dict)

    def versions_to_serve(self) -> set[int] | None:
        """Returns the versions to serve; None where the base path is missing, which changes nothing."""
        if not self.base_path.is_dir():
            return None
        return self.policy(registry.versions(self.base_path.parent, self.base_path.name))

    def folder(self, version: int) -> Path:
        """Returns a version's folder.

        Raises:
            RegistryError: It is gone.
        """
        return registry.version_folder(self.base_path.parent, self.base_path.name, version)


# Tells the models to serve, each time it is asked. A model that it names no longer is unloaded.
ModelSource: TypeAlias = Callable[[], Sequence[ServedModel]]


class FolderSource:
    """Lists the models in a folder, each served by its highest version, or as a model config says.

    A model that was seen once is named from then on: if its folder goes missing, its version stays in service, as
    TensorFlow Serving has it.

    Args:
        models: The models folder.
        names: The models to serve; none: all, and those that appear later.
        config: Tells the models whose policies and labels take the place of the default; their paths do not.

    Raises:
        RegistryError: There is no such folder, no model in it, or none of a given name.
    """

    def __init__(self, models: Path | str, names: Collection[str] = (), config: ModelSource = list) -> None:
        self._models = Path(models).absolute()
        self._configured = config
        self._fixed = bool(names)
        self._seen = set(registry.require_models(models, tuple(names)))

    def __call__(self) -> Sequence[ServedModel]:
        """Returns the models to serve now."""
        if not self._fixed and self._models.is_dir():
            self._seen.update(registry.models(self._models))
        configs = {model.name: model for model in self._configured()}
        return [
            replace(configs.get(name, ServedModel(name, self._models)), base_path=self._models / name)
            for name in sorted(self._seen)
        ]


def read_served_models(path: Path | str) -> list[ServedModel]:
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
