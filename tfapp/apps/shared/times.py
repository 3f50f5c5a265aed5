"""Parses times, and shifts them no further than the first and the last time that there is."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any, Final

__all__ = ["check_time", "parse_time", "shift"]

# Seconds since 1970 have ten digits until 2286; milliseconds thirteen.
_MILLISECONDS: Final = 1e11
_EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


def parse_time(value: Any) -> datetime:
    """Reads a time: ISO 8601 (UTC where it names no zone), or seconds or milliseconds since 1970.

    Raises:
        ValueError: It is none.

    Example:
        >>> parse_time("2026-03-01T12:00:00+02:00").isoformat()
        '2026-03-01T10:00:00+00:00'
    """
    try:
        if isinstance(value, str) and not value.strip().replace(".", "", 1).isdecimal():
            time = datetime.fromisoformat(value.strip())
            return (time.replace(tzinfo=UTC) if time.tzinfo is None else time).astimezone(UTC)
        seconds = math.nan if isinstance(value, bool) else float(value)
        return datetime.fromtimestamp(seconds / 1e3 if math.fabs(seconds) >= _MILLISECONDS else seconds, UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise ValueError(f"its time, {value!r:.60}, is neither ISO 8601 nor seconds since 1970") from error


def check_time(time: datetime, latest: datetime, setting: str) -> None:
    """Refuses times that no text of a stream has.

    Args:
        time: With its zone.
        latest: Later ones lie in the future.
        setting: The setting that `latest` follows from, for the message.

    Raises:
        ValueError: It lies before 1900, or after `latest`.
    """
    if time < _EARLIEST:
        raise ValueError(f"its time, {time.isoformat()}, lies before 1900")
    if time > latest:
        raise ValueError(f"its time, {time.isoformat()}, lies in the future: after {latest.isoformat()} ({setting})")


def shift(time: datetime, by: timedelta, times: float = 1) -> datetime:
    """Returns a time that is shifted by some time spans, or the first or last time that Python has, if beyond it.

    Args:
        time: In UTC.
        by: How much.
        times: So many times; negative: earlier.

    Example:
        >>> shift(datetime(1, 1, 1, tzinfo=UTC), timedelta(days=1), -2).isoformat()
        '0001-01-01T00:00:00+00:00'
    """
    try:
        return time + times * by
    except OverflowError:
        return _LAST if (times > 0) == (by > timedelta()) else _FIRST
