"""Removes old runs: never the best, one that is running, or one that something else came from."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tfapp.errors import TrainingError
from tfapp.registry.version_metadata import read_metadata
from tfapp.workflows.run_choice import choose_best
from tfapp.workflows.run_records import RUNNING, RunRecord, list_runs

__all__ = ["PrunedRuns", "prune_runs"]

# The leading dot keeps it from being read as a run.
_PREFIX: Final = ".pruned-"


@dataclass(frozen=True)
class PrunedRuns:
    """The runs that a prune removed, or would remove.

    Attributes:
        removed: Their folders.
        size: Of these, in bytes.
        kept: The folders of the old runs that stay, with the reason.
    """

    removed: tuple[Path, ...]
    size: int
    kept: Mapping[Path, str]

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON has it."""
        return {
            "removed": [str(path) for path in self.removed],
            "size": self.size,
            "kept": {str(path): reason for path, reason in self.kept.items()},
        }


def prune_runs(
    runs: str | Path = "runs",
    *,
    name: str | None = None,
    keep: int = 3,
    models: Sequence[str | Path] = ("models",),
    dry_run: bool = False,
    only: Collection[Path] | None = None,
) -> PrunedRuns:
    """Removes old runs with all their files.

    Of each experiment the newest runs stay. So do, however old, the best finished run on each data (by dev; without
    a dev split, by its evaluation), each that a process trains, each that a version in the models folders was published
    from, and each whose folder another run's settings name, such as a pretrained preset or a teacher.

    Args:
        runs: The folder of all runs.
        name: The experiment's name; None: all.
        keep: How many of the newest runs of each experiment stay.
        models: The models folders in which published versions are looked for.
        dry_run: Only say what would be removed.
        only: Remove none but these, such as a dry run returned.

    Raises:
        TrainingError: There is no such run, `keep` is under 1, or a folder cannot be removed.
    """
    if keep < 1:
        raise TrainingError(f"keep must be 1 or more, got {keep}; the newest run always stays")
    all_records = list_runs(runs)
    records = list_runs(runs, name=name) if name else all_records
    newest = _newest(records, keep)
    old_records = [record for record in records if record.path not in newest]
    reasons = _reasons(old_records, all_records, [Path(folder) for folder in models])
    removable = [
        record for record in old_records if record.path not in reasons and (only is None or record.path in only)
    ]
    sizes = {record.path: _size(record.path) for record in removable}
    if not dry_run:
        for record in removable:
            problem = _remove(record)
            if problem:
                reasons[record.path] = problem
    paths = tuple(path for path in sizes if path not in reasons)
    return PrunedRuns(paths, sum(sizes[path] for path in paths), reasons)


def _newest(records: Iterable[RunRecord], keep: int) -> set[Path]:
    """Returns the folders of the newest runs of each experiment."""
    paths_by_name: dict[str, list[Path]] = {}
    for record in records:
        paths_by_name.setdefault(record.path.parent.name, []).append(record.path)
    return {path for paths in paths_by_name.values() for path in sorted(paths)[-keep:]}


def _reasons(
    old_records: Sequence[RunRecord], all_records: Sequence[RunRecord], models: Sequence[Path]
) -> dict[Path, str]:
    """Returns why old runs stay, by their folders."""
    best = {record.path for record in choose_best(all_records)}
    for name in {record.path.parent.name for record in old_records}:
        best |= {
            record.path for record in choose_best(record for record in all_records if record.path.parent.name == name)
        }
    metadata_by_run = _published_versions(models)
    reasons: dict[Path, str] = {}
    for record in old_records:
        versions = [version for version, source in metadata_by_run.items() if _was_published_from(source, record)]
        users = [other.name for other in all_records if other.path != record.path and _names(other, record.path)]
        if record.state == RUNNING:
            reasons[record.path] = "it is running"
        elif record.problem:
            reasons[record.path] = f"it cannot be read: {record.problem}"
        elif record.path in best:
            reasons[record.path] = "it is the best on its data"
        elif versions:
            reasons[record.path] = f"{', '.join(versions)} came from it"
        elif users:
            reasons[record.path] = f"the settings of {', '.join(users)} name it"
    return reasons


def _published_versions(models: Sequence[Path]) -> dict[str, Mapping[str, Any]]:
    """Returns the records of all versions in models folders, by their paths."""
    graphs = [graph for folder in models for graph in sorted(folder.glob("*/*/assets.extra/tfapp.json"))]
    return {str(graph.parents[1]): read_metadata(graph.parents[1]) for graph in graphs}


def _was_published_from(version: Mapping[str, Any], record: RunRecord) -> bool:
    """Returns whether a version was published from a run; one that does not say so may be from any on its data."""
    source, data = version.get("run"), version.get("data")
    if isinstance(source, str):
        return source == record.path.name
    return isinstance(data, dict) and bool(record.data) and data.get("fingerprint") == record.data


def _names(other: RunRecord, path: Path) -> bool:
    """Returns whether a run's settings name a folder, or something in it."""
    target = path.resolve()
    values = [entry for value in other.settings.values() for entry in (value if isinstance(value, list) else [value])]
    texts = [value for value in values if isinstance(value, str) and os.sep in value]
    return any(Path(text).resolve().is_relative_to(target) for text in texts)


def _remove(record: RunRecord) -> str:
    """Removes a run's folder; returns why not, where a process has begun to train it.

    Raises:
        TrainingError: It cannot be removed.
    """
    leftover = record.path.with_name(f"{_PREFIX}{record.path.name}-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with record.folder.locked():
            record.path.rename(leftover)
    except TrainingError as error:
        if isinstance(error.__cause__, BlockingIOError):
            return "it is running"
        raise
    except OSError as error:
        raise TrainingError(f"{record.path}: cannot be removed: {error.strerror or error}") from error
    try:
        # What a link points at is somebody else's.
        leftover.unlink() if leftover.is_symlink() else shutil.rmtree(leftover)
    except OSError as error:
        raise TrainingError(f"{leftover}: cannot be removed: {error.strerror or error}; remove it by hand") from error
    with suppress(OSError):
        record.path.parent.rmdir()  # where it was the last
    return ""


def _size(path: Path) -> int:
    return sum(file.lstat().st_size for file in path.rglob("*") if file.is_file())
