"""The model config file in a models folder: `tfapp serve MODELS` takes policies and labels from it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from tfapp.errors import SettingsError
from tfapp.server.model_config import read_model_config
from tfapp.server.source import ServedModel

__all__ = ["FolderConfig"]

_log = logging.getLogger(__name__)


class FolderConfig:
    """Follows a model config file, which may come and go.

    A file that cannot be used changes nothing; the reason is logged once.

    Args:
        path: The file.

    Raises:
        SettingsError: It is there, and is malformed or breaks a rule.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at: tuple[int, ...] | None = None
        self._models: Sequence[ServedModel] = ()
        self._refresh()

    def __call__(self) -> Sequence[ServedModel]:
        """Lists the models that the file names, now or when it last could be used."""
        try:
            self._refresh()
        except SettingsError as error:
            _log.error("model config file %s", error)
        return self._models

    def _refresh(self) -> None:
        """Reads the file where it is another than the one that was read last."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._read_at, self._models = None, ()
            return
        except OSError:
            return
        mark = (found.st_mtime_ns, found.st_ino, found.st_size)
        if mark != self._read_at:
            self._read_at = mark
            self._models = read_model_config(self._path)
