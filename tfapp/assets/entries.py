"""The catalogue: the presets and data sets that can be pulled by name, and their sources."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from tfapp.errors import AssetError, did_you_mean

__all__ = ["Archive", "Asset", "AssetKind", "catalogue", "find", "load_catalogue", "require"]

AssetKind = Literal["preset", "dataset"]

_FILE = Path(__file__).with_name("catalogue.toml")


@dataclass(frozen=True, slots=True)
class Archive:
    """One file on the package index; several assets may come out of it.

    Attributes:
        requirement: The exact version, as pip writes it: `name==1.0`.
        file: The file's name; its suffix tells a wheel from a source distribution.
        sha256: The file's SHA-256, in hexadecimal.
        size: The file's size in bytes.
    """

    requirement: str
    file: str
    sha256: str
    size: int

    @property
    def is_wheel(self) -> bool:
        """Returns whether the file is a wheel, and not a source distribution."""
        return self.file.endswith(".whl")

    @property
    def version(self) -> str:
        """Returns the distribution's version."""
        return self.requirement.partition("==")[2]


@dataclass(frozen=True, slots=True)
class Asset:
    """One entry of the catalogue.

    Attributes:
        name: What a user calls it.
        kind: A preset (a checkpoint folder) or a data set (a folder with `data.jsonl`).
        title: A few words for a table.
        description: What it holds, with its columns for a data set.
        licence: Under which terms it may be used.
        source: Whom to cite.
        archive: The file it is taken from.
        size: Bytes on disk once prepared.
        recipe: How it is prepared: a name in `tfapp.assets.recipes.RECIPES`.
        options: What the recipe is told about this asset.
        revision: Raised when the recipe's code changes what it writes, so that caches are made anew.
        data: A data set's own defaults for the fields of `tfapp.config.DataSettings`, by name.
        sentence_encoder: Whether a preset was trained to be read by the mean of its token vectors.
    """

    name: str
    kind: AssetKind
    title: str
    description: str
    licence: str
    source: str
    archive: Archive
    size: int
    recipe: str
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    revision: int = 1
    data: Mapping[str, Any] = field(default_factory=dict, hash=False)
    sentence_encoder: bool = False

    @property
    def key(self) -> str:
        """Returns the name of the prepared folder, which is another one whenever the folder's content would be."""
        made_from = [self.archive.sha256, self.recipe, dict(self.options), self.revision]
        digest = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
        return f"{self.archive.version}-{digest[:8]}"


@cache
def catalogue() -> Mapping[str, Asset]:
    """Returns the assets that have a name, in the catalogue's order."""
    return load_catalogue(_FILE)


def load_catalogue(file: Path) -> Mapping[str, Asset]:
    """Reads a TOML file with the tables `archive.ID`, `preset.NAME`, `dataset.NAME`; an entry's `archive` is an ID."""
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    archives = {name: Archive(**values) for name, values in tables["archive"].items()}
    kinds: tuple[AssetKind, ...] = ("preset", "dataset")
    entries = [
        Asset(**{**values, "name": name, "kind": kind, "archive": archives[values["archive"]]})
        for kind in kinds
        for name, values in tables.get(kind, {}).items()
    ]
    return MappingProxyType({entry.name: entry for entry in entries})


def find(name: str, kind: AssetKind | None = None, *, entries: Mapping[str, Asset] | None = None) -> Asset | None:
    """Looks up an asset.

    Args:
        name: Its name in the catalogue.
        kind: The kind that is wanted; either by default.
        entries: Another catalogue than tfapp's own.

    Returns:
        The asset, or None where there is none of that name and kind.
    """
    asset = (catalogue() if entries is None else entries).get(name)
    return asset if asset is not None and kind in (None, asset.kind) else None


def require(name: str, kind: AssetKind | None = None, *, entries: Mapping[str, Asset] | None = None) -> Asset:
    """Returns the asset of a name, which must exist.

    Raises:
        AssetError: There is no such asset; names the nearest.
    """
    asset = find(name, kind, entries=entries)
    if asset is None:
        assets = (catalogue() if entries is None else entries).values()
        hint = did_you_mean(name, [entry.name for entry in assets if kind in (None, entry.kind)])
        noun = {"preset": "preset", "dataset": "data set", None: "preset or data set"}[kind]
        raise AssetError(f'no {noun} is called "{name}"{hint}')
    return asset
