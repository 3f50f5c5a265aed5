"""Removes versions that nobody needs any more, also while a server watches their folder."""

from __future__ import annotations

import os
import secrets
import shutil
from typing import Final

from tfapp.errors import RegistryError
from tfapp.registry.label_store import LabelStore
from tfapp.registry.versions import latest, version_folder, versions

__all__ = ["prunable", "prune"]

# The leading dot keeps it from being read as a model.
_PREFIX: Final = ".pruned-"


def prunable(store: LabelStore, name: str, keep: int) -> list[int]:
    """Returns the versions that `prune` would remove, lowest first.

    Args:
        store: Knows the labels.
        name: The model's name.
        keep: How many of the newest stay.

    Raises:
        RegistryError: There is no such model, or `keep` is under 1.
    """
    if keep < 1:
        raise RegistryError(f"keep must be 1 or more, got {keep}; the newest version always stays")
    latest(store.models, name)
    old = versions(store.models, name)[:-keep]
    return sorted(set(old) - store.protected_versions(name))


def prune(store: LabelStore, name: str, keep: int) -> list[int]:
    """Removes old versions, but none that is labelled, next in a rollback, or the newest that is served.

    A version leaves the model's folder by one rename, so that a server sees all of it or nothing, and is deleted after.

    Args:
        store: Knows the labels.
        name: The model's name.
        keep: How many of the newest stay.

    Returns:
        The versions that are gone, lowest first.

    Raises:
        RegistryError: There is no such model, or a folder cannot be removed.
    """
    removable = prunable(store, name, keep)
    try:
        if removable:
            with store.pruning(name, removable) as removable:
                for version in removable:
                    # A number may have several folders: 1 and 001.
                    while version in versions(store.models, name):
                        leftover = store.models / f"{_PREFIX}{name}-{version}-{os.getpid()}-{secrets.token_hex(4)}"
                        version_folder(store.models, name, version).rename(leftover)
        for leftover in store.models.glob(f"{_PREFIX}*"):
            # What a link points at is somebody else's.
            leftover.unlink() if leftover.is_symlink() else shutil.rmtree(leftover)
    except FileNotFoundError:
        # Another prune deletes the same leavings.
        pass
    except OSError as error:
        raise RegistryError(f"{error.filename}: cannot be removed: {error.strerror}") from error
    return removable
