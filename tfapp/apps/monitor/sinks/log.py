"""A sink that appends alerts to a file, one JSON value per line."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tfapp.apps.monitor.sinks.redaction import delivery
from tfapp.apps.monitor.sinks.sink import Payload
from tfapp.core.files import private_folder, private_opener

__all__ = ["LogSink"]


class LogSink:
    """Appends alerts to a file."""

    name = "log"

    def __init__(self, file: Path) -> None:
        self._file = file

    def send(self, payload: Payload, key: str) -> None:
        """Appends an alert to the file, as `Sink.send` says."""
        line = json.dumps({"key": key, **payload}, ensure_ascii=False) + "\n"
        with delivery(f"{self._file}: cannot be written"):
            private_folder(self._file.parent)
            # A single write of the whole line: a reader finds no half of one.
            with open(self._file, "ab", buffering=0, opener=private_opener) as file:
                file.write(line.encode("utf-8", "replace"))
                os.fsync(file.fileno())
