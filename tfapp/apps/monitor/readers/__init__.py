"""Readers of texts: from a file that grows, a folder, a pipe, or HTTP."""

from __future__ import annotations

from tfapp.apps.monitor.readers.folder import FolderReader
from tfapp.apps.monitor.readers.follower import FileFollower
from tfapp.apps.monitor.readers.pipe import PipeReader
from tfapp.apps.monitor.readers.push import PushReader
from tfapp.apps.monitor.readers.table import TableReader

__all__ = ["FileFollower", "FolderReader", "PipeReader", "PushReader", "TableReader"]
