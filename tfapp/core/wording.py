"""Words for numbers and times."""

from __future__ import annotations

__all__ = ["format_duration", "pluralize"]


def pluralize(count: float, noun: str, *, thousands: bool = False) -> str:
    """Returns a count with its noun: "1 epoch", "2 epochs", "0.5 minutes"; with `thousands`, "1,000 rows"."""
    number = f"{count:g}" if isinstance(count, float) else format(count, "," if thousands else "")
    return f"{number} {noun if count == 1 else f'{noun}s'}"


def format_duration(seconds: float) -> str:
    """Returns a time in whole seconds or minutes: "1 s", "89 s", "2 min"."""
    return f"{max(round(seconds), 1)} s" if seconds < 90 else f"{round(seconds / 60)} min"
