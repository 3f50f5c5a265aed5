"""The list of all applications, which the command line and the console mount in this order."""

from __future__ import annotations

from typing import Final

from tfapp.apps.feedback import application as feedback
from tfapp.apps.monitor import application as monitor
from tfapp.apps.recommend import application as recommend
from tfapp.apps.support import application as support

__all__ = ["APPLICATIONS"]

APPLICATIONS: Final = tuple(module.APPLICATION for module in (support, monitor, recommend, feedback))
