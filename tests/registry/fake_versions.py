"""Models folders without models: versions with nothing but what the export records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2
from tfapp_client import contract

__all__ = ["add_version", "add_versions", "parse", "record"]


def add_version(models: Path, name: str, version: int, **metadata: Any) -> Path:
    """Makes MODELS/NAME/VERSION with its metadata, if any is given."""
    folder = models / name / str(version)
    (folder / "assets.extra").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"x" * 10 * version)
    if metadata:
        record(folder, **metadata)
    return folder


def record(folder: Path, **metadata: Any) -> None:
    """Writes a version's metadata, as the export does."""
    file = folder / contract.METADATA_FILE
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(metadata), encoding="utf-8")


def add_versions(models: Path, name: str, *versions: int) -> Path:
    """Makes several versions."""
    for version in versions:
        add_version(models, name, version)
    return models


def parse(text: str) -> Any:
    """Reads a model config as TensorFlow Serving does: with its own message."""
    return text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
