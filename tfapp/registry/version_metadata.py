"""The metadata of a version: its size and date, and the record that the export wrote beside it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tfapp_client import contract

from tfapp.registry.versions import version_folder

__all__ = ["VersionMetadata", "checks_inputs", "input_names", "read_metadata", "read_version_metadata"]

# What stands among the metrics, is a fraction and yet no score that should be high.
_NO_SCORES: Final = ("loss",)


@dataclass(frozen=True)
class VersionMetadata:
    """The metadata of one version.

    Attributes:
        name: The model's name.
        version: Its number.
        path: Its folder.
        size: Of all its files, in bytes.
        exported: When it was written, in UTC, as ISO 8601 has it.
        metadata: What `assets.extra/tfapp.json` holds; empty for a model that tfapp did not export.
    """

    name: str
    version: int
    path: Path
    size: int
    exported: str
    metadata: Mapping[str, Any]

    @property
    def task(self) -> str:
        """Returns its task; empty where it is not on record."""
        return str(self.metadata.get("task", ""))

    @property
    def metrics(self) -> dict[str, Any]:
        """Returns its metrics on record."""
        return _section(self.metadata, "metrics")

    @property
    def lower_is_better(self) -> bool:
        """Returns whether a lower `score` is better, as of an error."""
        return self.metadata.get("lower_is_better") is True

    @property
    def data(self) -> dict[str, Any]:
        """Returns the record of its training data."""
        return _section(self.metadata, "data")

    @property
    def evaluation(self) -> dict[str, Any]:
        """Returns the record by which its score is compared with another version's; empty if there is none."""
        return _section(self.metadata, "evaluation")

    @property
    def labels(self) -> list[str]:
        """Returns the labels that it answers."""
        labels = self.metadata.get("labels")
        return [str(label) for label in labels] if isinstance(labels, list) else []

    @property
    def checks_inputs(self) -> bool | None:
        """Returns whether its graph itself checks the shapes of its inputs; None: tfapp did not export it."""
        return checks_inputs(self.metadata)

    @property
    def settings(self) -> dict[str, Any]:
        """Returns the settings it was trained with, by dotted name."""
        return _settings(self.metadata)

    @property
    def score(self) -> tuple[str, float] | None:
        """Returns the name and value of its main metric, or None; whole numbers are counts of rows, and no scores."""
        scores = ((name, value) for name, value in self.metrics.items() if name not in _NO_SCORES)
        return next(((name, value) for name, value in scores if isinstance(value, float)), None)


def read_version_metadata(models: Path | str, name: str, version: int) -> VersionMetadata:
    """Reads the metadata of a version.

    Raises:
        RegistryError: There is no such version.
    """
    folder = version_folder(models, name, version)
    graph = folder / "saved_model.pb"
    export_time = (graph if graph.exists() else folder).stat().st_mtime
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    export_date = datetime.fromtimestamp(export_time, UTC).isoformat(timespec="seconds")
    return VersionMetadata(name, version, folder, size, export_date, read_metadata(folder))


def checks_inputs(metadata: Mapping[str, Any]) -> bool | None:
    """Returns whether a version's graph itself checks the shapes of its inputs; None where tfapp did not export it."""
    return metadata.get(contract.CHECKS_INPUTS) is True if metadata else None


def input_names(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the names of a version's inputs in their order, by its contract; none where that is not on record."""
    inputs = _section(metadata, "contract").get("inputs")
    tensors = inputs if isinstance(inputs, list) else []
    return tuple(str(tensor["name"]) for tensor in tensors if isinstance(tensor, dict) and "name" in tensor)


def input_columns(metadata: Mapping[str, Any], inputs: Sequence[str]) -> dict[str, str]:
    """Returns the columns of the file that a version learnt from, by input, where their names are others."""
    settings = _settings(metadata)
    columns = {name: settings.get(f"data.{name}") for name in inputs}
    return {name: column for name, column in columns.items() if isinstance(column, str) and column != name}


def read_metadata(folder: Path) -> dict[str, Any]:
    """Reads the metadata file that the export wrote beside a version's graph; empty for models of other programs."""
    try:
        metadata = json.loads((folder / contract.METADATA_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return metadata if isinstance(metadata, dict) else {}


def _settings(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings that a version was trained with, by dotted name; none where they cannot be read."""
    try:
        return _flat(tomllib.loads(str(metadata.get("settings", ""))))
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _section(metadata: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = metadata.get(name)
    return section if isinstance(section, dict) else {}


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for name, value in values.items():
        entries |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return entries
