"""The processor is read where Linux tells it."""

from __future__ import annotations

import platform
from pathlib import Path

from tfapp.core.processor import processor_flags, processor_name


def test_the_first_processor_counts(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(
        "processor\t: 0\nmodel\t\t: 2\nmodel name\t: AMD EPYC 9B45\nflags\t\t: fpu avx2 amx_bf16\n\n"
        "processor\t: 1\nmodel name\t: other\nflags\t: fpu\n"
    )
    assert processor_flags(file) == {"fpu", "avx2", "amx_bf16"}
    assert processor_name(file) == "AMD EPYC 9B45"


def test_where_nothing_is_told_the_kind_is_the_name(tmp_path: Path) -> None:
    assert processor_flags(tmp_path / "missing") == frozenset()
    assert processor_name(tmp_path / "missing") in {platform.processor(), platform.machine()} - {""}
