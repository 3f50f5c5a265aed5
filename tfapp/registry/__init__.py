"""Holds the work on versions of models on disk: publishing, labels, the model config file, history and pruning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfapp._old_names import refuse_old_names
from tfapp.registry.history import Change
from tfapp.registry.label_store import CONFIG_FILE, LabelStore
from tfapp.registry.model_config import STABLE, ConfiguredModel, read_model_config
from tfapp.registry.prune import prunable, prune
from tfapp.registry.version_metadata import VersionMetadata, read_version_metadata
from tfapp.registry.versions import (
    check_name,
    latest,
    models,
    require_models,
    version_folder,
    versions,
)

__all__ = [
    "CONFIG_FILE",
    "STABLE",
    "Change",
    "ConfiguredModel",
    "LabelStore",
    "VersionMetadata",
    "check_name",
    "latest",
    "models",
    "prunable",
    "prune",
    "read_model_config",
    "read_version_metadata",
    "require_models",
    "version_folder",
    "versions",
]


if not TYPE_CHECKING:
    __getattr__ = refuse_old_names(__name__)
