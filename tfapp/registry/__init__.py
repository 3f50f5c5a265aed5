"""Versions of models on disk: found, numbered, published, labelled, pruned."""

from __future__ import annotations

from tfapp.registry.facts import VersionFacts, changed, read_facts, why_worse
from tfapp.registry.history import Change
from tfapp.registry.ledger import CONFIG_FILE, Ledger
from tfapp.registry.model_config import STABLE, ConfiguredModel, read_model_config
from tfapp.registry.prune import prunable, prune
from tfapp.registry.publish import publish, staging_folder
from tfapp.registry.unlabelled import (
    promote_command,
    unlabelled_remark,
    unlabelled_warning,
    unlabelled_warnings,
    why_newest,
)
from tfapp.registry.versions import (
    check_name,
    latest,
    models,
    next_version,
    require_models,
    version_folder,
    versions,
)

__all__ = [
    "CONFIG_FILE",
    "STABLE",
    "Change",
    "ConfiguredModel",
    "Ledger",
    "VersionFacts",
    "changed",
    "check_name",
    "latest",
    "models",
    "next_version",
    "promote_command",
    "prunable",
    "prune",
    "publish",
    "read_facts",
    "read_model_config",
    "require_models",
    "staging_folder",
    "unlabelled_remark",
    "unlabelled_warning",
    "unlabelled_warnings",
    "version_folder",
    "versions",
    "why_newest",
    "why_worse",
]
