"""What processor this machine has: its name, and its features by Linux's names."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Final

__all__ = ["processor_flags", "processor_name"]

_CPU_INFO: Final = Path("/proc/cpuinfo")


def processor_flags(file: Path = _CPU_INFO) -> frozenset[str]:
    """Returns the processor's features by Linux's names; none where the file is missing."""
    return frozenset(_first_value(file, "flags").split())


def processor_name(file: Path = _CPU_INFO) -> str:
    """Returns the processor's name, as `AMD EPYC 9B45`; its kind alone where the file does not say it."""
    return _first_value(file, "model name") or platform.processor() or platform.machine()


def _first_value(file: Path, name: str) -> str:
    """Returns what is said of the first processor; empty where it is not said."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in pairs if key.strip() == name), "")
