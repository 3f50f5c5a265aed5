"""Words for numbers."""

from __future__ import annotations

__all__ = ["pluralize"]


def pluralize(count: float, noun: str) -> str:
    """Returns a count with its noun: "1 epoch", "2 epochs", "0.5 minutes"."""
    number = f"{count:g}" if isinstance(count, float) else str(count)
    return f"{number} {noun if count == 1 else f'{noun}s'}"
