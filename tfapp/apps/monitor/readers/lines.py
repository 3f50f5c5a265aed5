"""Parses lines of bytes as rows."""

from __future__ import annotations

from typing import Final

from tfapp.apps.monitor.batches import SourceRow
from tfapp.apps.shared.record_reader import RejectedRow, parse_json

__all__ = ["LONGEST_LINE", "line_row"]

LONGEST_LINE: Final = 1_000_000
"""Bytes; a longer line is rejected, and not kept in memory."""

_EXCERPT: Final = 2000


def line_row(position: str, line: bytes) -> SourceRow | None:
    """Parses a line of jsonl, or the beginning of one that is too long; None where it is blank."""
    if len(line) > LONGEST_LINE:
        excerpt = line[:_EXCERPT].decode("utf-8", "replace")
        return SourceRow(position, RejectedRow(1, f"the line has more than {LONGEST_LINE} bytes", excerpt))
    try:
        text = line.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        reason = f"byte 0x{line[error.start]:02x} is not utf-8"
        return SourceRow(position, RejectedRow(1, reason, line[:_EXCERPT].decode("utf-8", "replace").strip()))
    return SourceRow(position, parse_json(1, text)) if text else None
