"""Sources of the models to serve: a folder of models, or a configuration."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from tfapp import registry
from tfapp.registry.model_config import Policy, latest

__all__ = ["FolderSource", "ModelSource", "ServedModel"]


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

    def wanted(self) -> set[int] | None:
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
        configured: Tells the models whose policies and labels take the place of the default; their paths do not.

    Raises:
        RegistryError: There is no such folder, no model in it, or none of a given name.
    """

    def __init__(self, models: Path | str, names: Collection[str] = (), configured: ModelSource = list) -> None:
        self._models = Path(models).absolute()
        self._configured = configured
        self._fixed = bool(names)
        self._seen = set(registry.require_models(models, tuple(names)))

    def __call__(self) -> Sequence[ServedModel]:
        """Returns the models to serve now."""
        if not self._fixed and self._models.is_dir():
            self._seen.update(registry.models(self._models))
        configured = {model.name: model for model in self._configured()}
        return [
            replace(configured.get(name, ServedModel(name, self._models)), base_path=self._models / name)
            for name in sorted(self._seen)
        ]
