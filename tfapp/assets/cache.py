"""The cache folder: where a prepared asset lies, and whether it is there.

    HOME/archives/FILE                 a verified archive, kept only while an asset that shares it is still to come
    HOME/presets/NAME/KEY/             a prepared preset
    HOME/datasets/NAME/KEY/data.jsonl  a prepared data set
    HOME/locks/FILE.lock               held by whoever works on what comes out of that archive

Whatever ends in `.part` is unfinished and is thrown away by the next pull.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tfapp.assets.entries import Asset, require
from tfapp.errors import AssetError

__all__ = ["MARKER", "folder_of", "home", "is_pulled", "is_ready", "path", "root_of"]

# Written last into a folder that then appears by one rename: where it is, everything is.
MARKER = "asset.json"


def home() -> Path:
    """Returns the cache folder: `TFAPP_HOME` where it is set, else `tfapp` in the user's cache directory."""
    if folder := os.environ.get("TFAPP_HOME"):
        return Path(folder).expanduser().absolute()
    import platformdirs

    return platformdirs.user_cache_path("tfapp")


def path(name: str, *, home: Path | None = None, entries: Mapping[str, Asset] | None = None) -> Path:
    """Returns the folder of a pulled asset.

    Args:
        name: The asset's name.
        home: The cache folder; by default `home()`.
        entries: Another catalogue than tfapp's own.

    Raises:
        AssetError: The name is unknown, or the asset has not been pulled.
    """
    asset = require(name, entries=entries)
    folder = folder_of(asset, root_of(home))
    if not is_ready(folder):
        raise AssetError(f"{name} is not in the cache folder yet; bring it with `tfapp assets pull {name}`")
    return folder


def is_pulled(name: str, *, home: Path | None = None, entries: Mapping[str, Asset] | None = None) -> bool:
    """Returns whether an asset is in the cache. Arguments and errors are those of `path`."""
    return is_ready(folder_of(require(name, entries=entries), root_of(home)))


def root_of(folder: Path | None) -> Path:
    """Returns the cache folder to use: this one, or the default."""
    return home() if folder is None else Path(folder)


def folder_of(asset: Asset, root: Path) -> Path:
    """Returns where an asset lies, or will lie, in the cache folder `root`."""
    return root / f"{asset.kind}s" / asset.name / asset.key


def is_ready(folder: Path) -> bool:
    """Returns whether a prepared folder is complete."""
    return (folder / MARKER).is_file()
