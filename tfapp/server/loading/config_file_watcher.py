"""Follows model config files: that of --model_config_file, and the one in the models folder of `tfapp serve`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tfapp.errors import SettingsError
from tfapp.server.loading.model_manager import ModelManager
from tfapp.server.loading.model_source import ServedModel, read_served_models
from tfapp.server.request_errors import RequestError

__all__ = ["ConfigFileWatcher", "FolderConfig"]

_log = logging.getLogger(__name__)


class ConfigFileWatcher:
    """Follows a model config file, which wins over an earlier reload request, as in TensorFlow Serving.

    A file that cannot be used changes nothing; the reason is logged once.

    Args:
        path: The file.
        manager: Serves what it says.
        allow_unavailable: Whether a new label may point at a version that is not loaded yet.
    """

    def __init__(self, path: Path, manager: ModelManager, *, allow_unavailable: bool = False) -> None:
        self._path = path
        self._manager = manager
        self._allow_unavailable = allow_unavailable
        self._complaint = ""
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, interval: float) -> None:
        """Reads in a thread of its own, after each interval in seconds, until `stop`; 0 or less: never."""
        if interval > 0:
            self._thread = threading.Thread(target=self._follow, args=(interval,), name="config", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stops reading."""
        self._stopped.set()

    def read(self) -> None:
        """Reads the file once and applies it."""
        try:
            # What loads only later must not hold up the next reading.
            self._manager.reload(
                partial(read_served_models, self._path), allow_unavailable=self._allow_unavailable, seconds=0
            )
        except (SettingsError, RequestError) as error:
            if str(error) != self._complaint:
                _log.error("model config file %s: %s", self._path, error)
            self._complaint = str(error)
        else:
            self._complaint = ""

    def _follow(self, interval: float) -> None:
        while not self._stopped.wait(interval):
            try:
                self.read()
            except Exception:  # noqa: BLE001 - the next reading may go better
                _log.exception("the model config file could not be applied")


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
            self._models = read_served_models(self._path)
