"""Times as files have them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any, Final

__all__ = ["parse_time"]

# Seconds since 1970 have ten digits until 2286; milliseconds thirteen.
_MILLISECONDS: Final = 1e11


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
