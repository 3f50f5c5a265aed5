"""Follows the model config file in a models folder, from which `tfapp serve MODELS` takes policies and labels."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from tfapp.errors import SettingsError
from tfapp.server.loading.model_config import read_model_config
from tfapp.server.loading.model_source import ServedModel

__all__ = ["FolderConfig"]

_log = logging.getLogger(__name__)


class FolderConfig:
    """A model config file that may come and go.

    A file that cannot be used changes nothing; the reason is logged once.

    Raises:
        SettingsError: It is there, and is malformed or breaks a rule.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at: tuple[int, ...] | None = None
        self._models: Sequence[ServedModel] = ()
        self._refresh()

    def __call__(self) -> Sequence[ServedModel]:
        """Returns the models that the file names, now or when it last could be used."""
        try:
            self._refresh()
        except SettingsError as error:
            _log.error("model config file %s", error)
        return self._models

    def _refresh(self) -> None:
        """Reads the file if it has changed since it was last read."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._read_at, self._models = None, ()
            return
        except OSError:
            return
        mark = (status.st_mtime_ns, status.st_ino, status.st_size)
        if mark != self._read_at:
            self._read_at = mark
            self._models = read_model_config(self._path)
