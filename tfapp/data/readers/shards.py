"""Folders as Hugging Face `datasets` saves them, or as its hub has them: splits of arrow or parquet files.

`Dataset.save_to_disk` makes a folder of arrow files with `state.json`, `DatasetDict.save_to_disk` one of such folders
with `dataset_dict.json`; the hub has `data/SPLIT-00000-of-00002.parquet`. Either way `FOLDER/SPLIT` names a split here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tfapp.errors import DataError

__all__ = ["list_shards", "list_splits", "main_split", "split_settings"]

_SUFFIXES: Final = (".arrow", ".parquet")
_SPLITS: Final = {
    "train": ("train", "training"),
    "dev": ("validation", "valid", "val", "dev", "development"),
    "test": ("test", "testing"),
}
_SHARD: Final = re.compile(r"([A-Za-z0-9_]+?)(-\d+-of-\d+.*)?\.(arrow|parquet)")


def list_shards(path: Path) -> list[Path]:
    """Lists the files of a split in order; none where the path is neither its folder nor named FOLDER/SPLIT."""
    if not path.is_dir():
        files = [file for folder in (path.parent, path.parent / "data") for file in _files(folder)]
        return [file for file in files if _split(file) == path.name]
    state = path / "state.json"
    shards = [path / file["filename"] for file in _read_json(state).get("_data_files", [])]
    missing_file = next((file for file in shards if not file.is_file()), None)
    if missing_file is not None:
        raise DataError(f"{missing_file}: the file is missing, but {state} names it; copy the folder again")
    # A folder of texts has sub-folders, and may have other files beside them.
    texts = any(part.is_dir() and not part.name.startswith(".") for part in path.iterdir())
    return shards or ([] if texts else _files(path))


def list_splits(folder: Path) -> list[str]:
    """Lists the splits of a folder; none where it holds no data set of splits."""
    split_names = _read_json(folder / "dataset_dict.json").get("splits")
    if split_names is not None:
        return [str(name) for name in split_names]
    if not folder.is_dir() or (folder / "state.json").exists():
        return []
    files = [file for part in (folder, folder / "data") for file in _files(part)]
    splits = [split for split in dict.fromkeys(map(_split, files)) if split]
    return splits if any(split in names for split in splits for names in _SPLITS.values()) else []


def main_split(folder: Path) -> Path:
    """Returns the split of a folder that a model learns from; the folder itself where it has no splits.

    Raises:
        DataError: It has splits, but none for training.
    """
    splits = list_splits(folder)
    train = next((name for name in _SPLITS["train"] if name in splits), None)
    if splits and train is None:
        raise DataError(f'{folder}: no split "train", but {", ".join(splits)}; name one, as "{folder / splits[0]}"')
    return folder / train if train else folder


def split_settings(folder: Path) -> dict[str, str]:
    """Returns the splits of a folder as the settings `train`, `dev` and `test`; none where it has no splits."""
    splits = list_splits(folder)
    names_by_split = {split: next((name for name in names if name in splits), None) for split, names in _SPLITS.items()}
    return {split: str(folder / name) for split, name in names_by_split.items() if name}


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*") if file.suffix in _SUFFIXES and not file.name.startswith("cache-"))


def _split(file: Path) -> str:
    """Returns the split that a file is named after; none where its name has no number and is no usual one."""
    match = _SHARD.fullmatch(file.name)
    all_names = (name for names in _SPLITS.values() for name in names)
    return match[1] if match and (match[2] or match[1] in all_names) else ""


def _read_json(file: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: not readable: {error}; mend the file") from error
    return value if isinstance(value, dict) else {}
