"""The code points of Unicode, for what must be told of each of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["CODE_POINTS", "to_ranges"]

CODE_POINTS: Final = tuple(code for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF)
"""All that UTF-8 can write."""


def to_ranges(codes: Iterable[int]) -> list[tuple[int, int]]:
    """Returns the first and the last of each run of code points."""
    ranges: list[tuple[int, int]] = []
    for code in sorted(codes):
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], code)
        else:
            ranges.append((code, code))
    return ranges
