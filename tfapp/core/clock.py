"""The time, which tests hand in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["Clock", "after", "utc_now"]

_TICK: Final = timedelta(microseconds=1)

Clock = Callable[[], datetime]
"""Tells the time, with its zone."""


def utc_now() -> datetime:
    """Returns the machine's time."""
    return datetime.now(UTC)


def after(newest: datetime | None, now: datetime) -> datetime:
    """Returns the time now, or just after the newest where the clock was set back, so that times only rise.

    Example:
        >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
        >>> after(noon, noon - timedelta(hours=1)).isoformat()
        '2026-03-01T12:00:00.000001+00:00'
    """
    return now if newest is None else max(now, newest + _TICK)
