"""Copies the preset that a pretraining made to a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from tfapp.core.files import replacing_folder
from tfapp.errors import ModelError, SettingsError

__all__ = ["check_target", "copy_preset"]


def copy_preset(run: Path, to: Path) -> Path:
    """Copies the preset of a pretraining run to a folder of its own, which `model.preset` can name.

    The folder appears by rename; an earlier preset there is replaced.

    Raises:
        SettingsError: Something else is there.
        ModelError: The run made no preset.
    """
    preset = run / "preset"
    if not preset.is_dir():
        raise ModelError(f"{run}: the run made no preset; only a finished one that learnt a BERT from texts does")
    check_target(to)
    with replacing_folder(to) as draft:
        shutil.copytree(preset, draft, dirs_exist_ok=True)
    return to


def check_target(to: Path) -> None:
    """Checks that a preset may be written to a folder.

    Raises:
        SettingsError: Something is there that is no preset.
    """
    if to.exists() and not (to / "config.json").is_file():
        raise SettingsError(f"{to}: exists and is no preset, so it is not replaced; choose another folder")
