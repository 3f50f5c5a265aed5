"""Reads the model config file, a ModelServerConfig in text format: which models, versions and labels a server has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from tensorflow_serving.config import model_server_config_pb2
from tfapp_client.former_names import FormerNames

from tfapp.core.text_protos import parse_text_proto, read_text_proto
from tfapp.errors import SettingsError
from tfapp.registry.version_policy import read_policy

__all__ = [
    "STABLE",
    "ConfiguredModel",
    "configured_model",
    "configured_models",
    "configured_names",
    "read_model_config",
]

STABLE: Final = "stable"
"""The label of the release: once a model has it, servers load the versions that labels name, and no others."""


@dataclass(frozen=True)
class ConfiguredModel(FormerNames):
    """The entry of one model in a model config file.

    Attributes:
        name: What callers name it.
        policy: Its ServableVersionPolicy.
        labels: Its version labels.
    """

    former_names: ClassVar[Mapping[str, str]] = {"served": "served_versions"}

    name: str
    policy: Any = field(default_factory=model_server_config_pb2.ModelConfig().model_version_policy.__class__)
    labels: Mapping[str, int] = field(default_factory=dict)

    @property
    def kind(self) -> Literal["latest", "all", "specific"]:
        """Returns the kind of its policy."""
        return self.policy.WhichOneof("policy_choice") or "latest"

    @property
    def has_policy(self) -> bool:
        """Returns whether somebody chose a policy; without one, servers load the newest version."""
        return self.policy.WhichOneof("policy_choice") is not None

    def served_versions(self, versions: Sequence[int]) -> set[int]:
        """Returns those of the versions on disk that a server loads."""
        return read_policy(self.policy)(versions)


def read_model_config(path: Path | str) -> Any:
    """Reads a model config file.

    Args:
        path: The file.

    Returns:
        A ModelServerConfig that holds a model_config_list.

    Raises:
        SettingsError: The file cannot be read, is malformed, or holds no list of models.
    """
    config = read_text_proto(path, model_server_config_pb2.ModelServerConfig())
    if config.WhichOneof("config") != "model_config_list":
        raise SettingsError(f"{path}: expected model_config_list {{ config {{ name: ... base_path: ... }} }}")
    return config


def configured_names(text: str, path: Path | str) -> list[str]:
    """Returns the models in a model config's text, in its order.

    Raises:
        SettingsError: The text is malformed.
    """
    return [item.name for item in _models(text, path)]


def configured_model(text: str, name: str, path: Path | str) -> ConfiguredModel:
    """Returns the entry of a model in a model config's text; `path` is where the text is from, for errors.

    Raises:
        SettingsError: The text is malformed.
    """
    for item in _models(text, path):
        if item.name == name:
            return _to_model(item)
    return ConfiguredModel(name)


def configured_models(path: Path | str) -> list[tuple[ConfiguredModel, str]]:
    """Returns the models in a model config file, each with its base path.

    Raises:
        SettingsError: The file cannot be read, is malformed, or holds no list of models.
    """
    items = read_model_config(path).model_config_list.config
    return [(_to_model(item), item.base_path) for item in items]


def _to_model(item: Any) -> ConfiguredModel:
    return ConfiguredModel(item.name, item.model_version_policy, dict(item.version_labels))


def _models(text: str, path: Path | str) -> Any:
    return parse_text_proto(text, model_server_config_pb2.ModelServerConfig(), path).model_config_list.config
