"""Versions on disk: a model is a folder MODELS/NAME/VERSION/, VERSION an integer, as TensorFlow Serving reads it."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

from tfapp.errors import RegistryError, did_you_mean

__all__ = ["check_name", "latest", "models", "next_version", "require_models", "version_folder", "versions"]

# A version is an int64 to TensorFlow Serving, which passes over all others.
_HIGHEST: Final = (1 << 63) - 1
# A name that is not there, is a file, or is a link to itself.
_NO_FOLDER: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def models(folder: Path | str) -> list[str]:
    """Returns the models in a folder: the sub-folders that hold at least one version.

    Args:
        folder: The models folder.

    Returns:
        The names, sorted.

    Raises:
        RegistryError: There is no such folder.
    """
    base = Path(folder)
    if not base.is_dir():
        raise RegistryError(f"{base}: no such models folder; `tfapp export RUN --to {base}` makes it")
    return sorted(
        child.name
        for child in base.iterdir()
        if not child.name.startswith(".") and child.is_dir() and _version_folders(child)
    )


def require_models(folder: Path | str, names: tuple[str, ...] = ()) -> list[str]:
    """Returns the models in a folder, or those named, of which there must be at least one.

    Args:
        folder: The models folder.
        names: The models to take; none: all.

    Returns:
        The names, sorted.

    Raises:
        RegistryError: There is no such folder, no model in it, or none of a given name.
    """
    names_on_disk = models(folder)
    if not names_on_disk:
        raise RegistryError(f"{folder}: no model in it, expected folders NAME/VERSION{_other_folder(Path(folder))}")
    for name in names:
        if name not in names_on_disk:
            raise RegistryError(f"{folder}: no model {name} in it{did_you_mean(name, names_on_disk)}")
    return sorted(set(names)) if names else names_on_disk


def versions(folder: Path | str, name: str) -> list[int]:
    """Returns a model's versions.

    Args:
        folder: The models folder.
        name: The model's name.

    Returns:
        The version numbers in rising order; none where there is no such model.
    """
    return sorted(_version_folders(Path(folder) / name))


def latest(folder: Path | str, name: str) -> int:
    """Returns a model's highest version.

    Raises:
        RegistryError: There is no such model.
    """
    numbers = versions(folder, name)
    if not numbers:
        raise RegistryError(f"{folder}: no model {name} in it{did_you_mean(name, models(folder))}")
    return numbers[-1]


def next_version(folder: Path | str, name: str, *, above: int = 0) -> int:
    """Returns the number of the model's next version: one more than the highest, or 1.

    Args:
        folder: The models folder.
        name: The model's name.
        above: A number that is taken, too.

    Raises:
        RegistryError: The highest version is the largest possible number.
    """
    number = max([*versions(folder, name), above]) + 1
    if number > _HIGHEST:
        raise RegistryError(
            f"{folder}: model {name} has version {_HIGHEST}, the highest number that there can be: nothing can be "
            "published after it; give that version's folder a lower number, or the model another name"
        )
    return number


def version_folder(folder: Path | str, name: str, version: int) -> Path:
    """Returns a version's folder, whose name may have leading zeros.

    Raises:
        RegistryError: There is no such version.
    """
    folders = _version_folders(Path(folder) / name)
    if version not in folders:
        numbers = ", ".join(str(number) for number in sorted(folders)) or "none"
        raise RegistryError(f"{folder}: model {name} has no version {version}; it has: {numbers}")
    return folders[version]


def check_name(name: str) -> None:
    """Checks that a path can be a model's folder.

    Raises:
        RegistryError: The name is empty, hidden, a path, or one that TensorFlow takes for a pattern.
    """
    if not name or name.startswith(".") or "/" in name or "\\" in name or "\0" in name:
        raise RegistryError(f"model name {name!r}: must be a plain folder name that does not start with a dot")
    if any(character in name for character in "[]*?"):
        raise RegistryError(
            f"model name {name!r}: must have none of [ ] * ?, which TensorFlow takes for a pattern of files"
        )


def _version_folders(model: Path) -> dict[int, Path]:
    """Returns the version folders of a model; of two that mean the same number, the plainly written one."""
    try:
        children = sorted(model.iterdir(), key=lambda child: -len(child.name))
    except OSError as error:
        if error.errno not in _NO_FOLDER:
            raise
        return {}
    folders = {int(c.name): c for c in children if c.name.isascii() and c.name.isdigit() and c.is_dir()}
    return {number: child for number, child in folders.items() if number <= _HIGHEST}


def _other_folder(folder: Path) -> str:
    if _version_folders(folder):
        return f"; it is a model's own folder: serve {folder.parent}"
    if (folder / "saved_model.pb").exists():
        return f"; it is one version of a model: serve {folder.parent.parent}"
    return f"; `tfapp export RUN --to {folder}` adds one"
