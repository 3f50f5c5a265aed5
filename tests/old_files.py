"""The files that commit 2c319f2 wrote, and the answers that it recorded beside them."""

from __future__ import annotations

import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

__all__ = ["ARCHIVES", "FOLDER", "read_recorded", "unpack", "unpack_models"]

FOLDER = Path(__file__).parent / "fixtures" / "2c319f2"
ARCHIVES = ("files", "more")


def unpack(archive: str, folder: Path, part: str = "") -> Path:
    """Unpacks an archive, or the part of it that begins so, and returns where that is."""
    with zipfile.ZipFile(FOLDER / f"{archive}.zip") as files:
        files.extractall(folder, [name for name in files.namelist() if name.startswith(part)])
    return folder / part


def unpack_models(folder: Path) -> Path:
    """Unpacks the exported models of all tasks but classification, and what they answered, into a folder."""
    # The graphs have much in common, which a zip would compress in each anew.
    with tarfile.open(FOLDER / "models.tar.xz") as files:
        files.extractall(folder, filter="data")
    return folder


def read_recorded(archive: Path, name: str) -> Any:
    """Reads what was recorded in an unpacked archive."""
    return json.loads((archive / "answers.json").read_text(encoding="utf-8"))[name]
