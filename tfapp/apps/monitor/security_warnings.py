"""Warnings for the log at a monitor's start about settings that are less safe than the defaults."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.core.ports import is_loopback

__all__ = ["LIMITS", "security_warnings"]

LIMITS: Final = MappingProxyType(
    {
        "longest_text": "one text may take more time and memory",
        "future_minutes": "a text's time may lie further in the future, and close windows early",
        "set_aside_rows": "senders of rejected rows fill more of the database",
        "listen_items": "one request to --listen may take more time and memory",
    }
)
"""What senders of texts can do more of where a setting is above its default."""


def security_warnings(settings: MonitorSettings) -> Iterator[str]:
    """Yields a line for each limit above its default, and for each way on which alerts travel in plain text.

    What `--listen` opens is told by the reader that listens.
    """
    for name, meaning in LIMITS.items():
        value, default = getattr(settings, name), MonitorSettings.model_fields[name].default
        if value > default:
            yield f"{name} = {value} (by default {default}): {meaning}"
    if settings.smtp is not None and settings.smtp.security == "none" and not is_loopback(settings.smtp.host):
        yield "smtp.security = none: alerts, with texts, are mailed in plain text"
    if settings.webhook is not None:
        # The address may have secrets.
        address = urlsplit(settings.webhook.url)
        if address.scheme == "http" and not is_loopback(address.hostname or ""):
            yield "webhook.url with http: alerts, with texts, and the token are sent in plain text"
