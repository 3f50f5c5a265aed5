"""Reads how much memory a process takes, on Linux."""

from __future__ import annotations

from pathlib import Path

__all__ = ["own_memory", "peak_memory", "reset_peak", "resident_memory"]

_STATUS = "/proc/{}/status"


def resident_memory(process: int | str = "self") -> float:
    """Returns the megabytes in memory now."""
    return _read(process, "VmRSS:")


def own_memory(process: int | str = "self") -> float:
    """Returns the megabytes in memory that are no file's: pages of files come and go as the system likes."""
    return _read(process, "RssAnon:")


def peak_memory(process: int | str = "self") -> float:
    """Returns the most megabytes in memory since the process began or `reset_peak`.

    `getrusage` would not do: what it says of a new process begins with what its parent had.
    """
    return _read(process, "VmHWM:")


def reset_peak() -> None:
    """Lets the peak of this process begin anew."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _read(process: int | str, name: str) -> float:
    lines = Path(_STATUS.format(process)).read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024 / 1e6
