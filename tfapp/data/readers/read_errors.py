"""The error for a file that is not of its format, or is damaged."""

from __future__ import annotations

from pathlib import Path

from tfapp.errors import DataError

__all__ = ["unreadable_file"]


def unreadable_file(path: Path, kind: str, error: Exception) -> DataError:
    """Returns the error for what a format's library raised when it read a file, in one line.

    Args:
        path: The file.
        kind: The format, as in "a parquet file".
        error: What was raised.
    """
    problem = " ".join(str(error).split()) or type(error).__name__
    return DataError(
        f"{path}: not a readable {kind} file: {problem:.200}; copy or write the file again, or set data.format if it "
        "has another format"
    )
