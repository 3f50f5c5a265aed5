"""What is on record of a version: its size and date, and what the export wrote beside it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tfapp_client import contract

from tfapp.registry.versions import version_folder

__all__ = ["VersionFacts", "changed", "checks_inputs", "read_facts", "read_metadata", "why_worse"]

# What stands among the metrics, is a fraction and yet no score that should be high.
_NO_SCORES: Final = ("loss",)


@dataclass(frozen=True)
class VersionFacts:
    """One version.

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
        """Its task; empty where it is not on record."""
        return str(self.metadata.get("task", ""))

    @property
    def metrics(self) -> dict[str, Any]:
        """Its metrics on record."""
        return _section(self.metadata, "metrics")

    @property
    def data(self) -> dict[str, Any]:
        """What is on record of its training data."""
        return _section(self.metadata, "data")

    @property
    def labels(self) -> list[str]:
        """The labels that it answers."""
        labels = self.metadata.get("labels")
        return [str(label) for label in labels] if isinstance(labels, list) else []

    @property
    def checks_inputs(self) -> bool | None:
        """Whether its graph itself checks the shapes of its inputs; None: tfapp did not export it."""
        return checks_inputs(self.metadata)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings it was trained with, by dotted name."""
        try:
            return _flat(tomllib.loads(str(self.metadata.get("settings", ""))))
        except (tomllib.TOMLDecodeError, RecursionError):
            return {}

    @property
    def score(self) -> tuple[str, float] | None:
        """The name and value of its main metric; None: it has none. Whole numbers are counts of what was evaluated."""
        scores = ((name, value) for name, value in self.metrics.items() if name not in _NO_SCORES)
        return next(((name, value) for name, value in scores if isinstance(value, float)), None)


def read_facts(models: Path | str, name: str, version: int) -> VersionFacts:
    """Reads what is on record of a version.

    Raises:
        RegistryError: There is no such version.
    """
    folder = version_folder(models, name, version)
    graph = folder / "saved_model.pb"
    written = (graph if graph.exists() else folder).stat().st_mtime
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    exported = datetime.fromtimestamp(written, UTC).isoformat(timespec="seconds")
    return VersionFacts(name, version, folder, size, exported, read_metadata(folder))


def checks_inputs(metadata: Mapping[str, Any]) -> bool | None:
    """Whether a version's graph itself checks the shapes of its inputs.

    Args:
        metadata: See `read_metadata`.

    Returns:
        None where tfapp did not export it.
    """
    return metadata.get(contract.CHECKS_INPUTS) is True if metadata else None


def why_worse(candidate: VersionFacts, current: VersionFacts) -> str:
    """Says in what a version is worse than another by what is on record; empty: in nothing."""
    if candidate.task != current.task:
        return f"its task is {candidate.task or 'unknown'}, that of version {current.version} is {current.task}"
    if current.score is None:
        return ""
    name, value = current.score
    if candidate.score is None:
        return f"it has no metrics on record, version {current.version} has {name} {value:.4f}"
    if candidate.score[0] != name:
        return f"its metric is {candidate.score[0]}, that of version {current.version} is {name}"
    if candidate.score[1] < value:
        return f"its {name} is {candidate.score[1]:.4f}, that of version {current.version} is {value:.4f}"
    return ""


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The entries that differ: [old, new] by name, None for what is not there."""
    names = dict.fromkeys([*before, *after])
    return {name: [before.get(name), after.get(name)] for name in names if before.get(name) != after.get(name)}


def read_metadata(folder: Path) -> dict[str, Any]:
    """Reads what the export wrote beside a version's graph; empty for a model that tfapp did not export."""
    try:
        found = json.loads((folder / contract.METADATA_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _section(metadata: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = metadata.get(name)
    return found if isinstance(found, dict) else {}


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return found
