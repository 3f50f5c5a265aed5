"""Finds where data come from: a path, or the name of a data set of the catalogue."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfapp import assets
from tfapp.config import DataSettings, FormatName
from tfapp.data.file_formats import FORMATS, SUFFIXES, FileFormat, data_suffix, detect_format
from tfapp.data.readers.shards import list_shards, main_split
from tfapp.errors import DataError

__all__ = ["AssetCatalogue", "Pull", "Source", "existing_path", "resolve"]

Pull = Callable[[str], Path]
"""Brings a data set by its name and gives the folder that holds its `data.jsonl`."""

AssetCatalogue = Mapping[str, assets.Asset]


@dataclass(frozen=True)
class Source:
    """One file or folder of data.

    Attributes:
        name: What the user called it; names it in reports.
        path: Where it is.
        format: Its format.
        settings: How it is read: what the user set, over a data set's own defaults.
        asset: The catalogue's entry, where the name is one.
    """

    name: str
    path: Path
    format: FormatName
    settings: DataSettings
    asset: assets.Asset | None = None

    @property
    def file_format(self) -> FileFormat:
        """Returns what is known of its format."""
        return FORMATS[self.format]


def resolve(
    name: str, settings: DataSettings, *, pull: Pull | None = None, catalogue: AssetCatalogue | None = None
) -> Source:
    """Finds a file, a folder or a data set; an existing path wins over a data set's name.

    Args:
        name: A path or a data set's name.
        settings: The user's settings.
        pull: Brings a data set; `tfapp.assets.pull` by default.
        catalogue: The data sets; tfapp's own by default.

    Returns:
        The source. Settings that the user left at their defaults are taken from the data set's entry.

    Raises:
        DataError: There is neither such a path nor such a data set; names the nearest of both.
    """
    path = Path(name).expanduser()
    asset = None if path.exists() or list_shards(path) else assets.find(name, "dataset", entries=catalogue)
    if asset is None:
        path = main_split(existing_path(path, catalogue))
        return Source(name, path, detect_format(path, settings.format), settings)
    file = (pull or assets.pull)(name) / "data.jsonl"
    return Source(name, file, "jsonl", _with_defaults(settings, asset.data), asset)


def existing_path(path: Path, catalogue: AssetCatalogue | None = None) -> Path:
    """Checks that a path exists.

    Raises:
        DataError: It does not; names the nearest file beside it and the nearest data set.
    """
    if path.exists() or list_shards(path):
        return path
    assets_by_name = assets.catalogue() if catalogue is None else catalogue
    names = [name for name, asset in assets_by_name.items() if asset.kind == "dataset"]
    hints = difflib.get_close_matches(path.name, [*_neighbours(path), *names], n=1, cutoff=0.6)
    spelling = [name if name in names else str(path.with_name(name)) for name in hints]
    hint = f'; did you mean "{spelling[0]}"?' if spelling else f"; data sets: {', '.join(names)}"
    raise DataError(f"{path}: no such file, folder or data set{hint}")


def _neighbours(path: Path) -> list[str]:
    if not path.name or not path.parent.is_dir():
        return []
    return [p.name for p in path.parent.iterdir() if data_suffix(p) in SUFFIXES or p.is_dir()]


def _with_defaults(settings: DataSettings, defaults: Mapping[str, Any]) -> DataSettings:
    """Lays the user's settings over the defaults, a rating's fields one by one; a label column replaces a rating."""
    # A run keeps all of its settings: one that has its default may stand there without being anybody's choice.
    own_values = settings.model_dump(exclude_defaults=True)
    values = {**defaults, **own_values}
    if "label" in own_values and "rating" not in own_values:
        values.pop("rating", None)
    if own_values.get("rating"):
        values["rating"] = {**(defaults.get("rating") or {}), **own_values["rating"]}
    # The prepared file is always UTF-8 jsonl, whatever the settings say of the user's own files.
    return type(settings).model_validate({**values, "encoding": "utf-8", "format": "jsonl"})
