"""What processor a benchmark runs on: its class, by which aims and results are kept, and its name.

    python processor.py

prints the class as a folder's name.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any, Final

__all__ = ["AMX", "ARM", "AVX2", "AVX512", "AVX512_BF16", "aims_class", "describe_processor", "processor_class"]

AVX2, AVX512, AVX512_BF16, AMX, ARM = "AVX2", "AVX-512", "AVX-512 with bf16", "AMX", "arm64"
_OTHER: Final = "other"
# As Linux names them; the first that a processor has decides.
_BY_FLAG: Final = {"amx_bf16": AMX, "avx512_bf16": AVX512_BF16, "avx512f": AVX512, "avx2": AVX2}
_CPU_INFO: Final = Path("/proc/cpuinfo")


def processor_class(info: str | None = None) -> str:
    """Returns the class of this machine's processor, by the widest instructions for matrix products that it has.

    Args:
        info: The text of Linux's `/proc/cpuinfo`; None: this machine's.
    """
    if platform.machine().lower() in ("arm64", "aarch64"):
        return ARM
    flags = _first_values(info).get("flags", "").split()
    return next((name for flag, name in _BY_FLAG.items() if flag in flags), _OTHER)


def aims_class(name: str) -> str:
    """Returns the class whose aims hold for a class: those with AMX have all that AVX-512 with bf16 has."""
    return AVX512_BF16 if name == AMX else name


def describe_processor(info: str | None = None) -> dict[str, Any]:
    """Returns the processor's class, and its name with family and model, as makers reuse names."""
    values = _first_values(info)
    name = values.get("model name") or platform.processor() or platform.machine()
    numbers = [f"{key} {values[key]}" for key in ("cpu family", "model") if key in values]
    return {"class": processor_class(info), "name": ", ".join([name, *numbers])}


def _first_values(info: str | None) -> dict[str, str]:
    """Returns what `/proc/cpuinfo` says of the first processor."""
    if info is None:
        info = _CPU_INFO.read_text(encoding="utf-8") if _CPU_INFO.exists() else ""
    pairs = (line.partition(":") for line in info.partition("\n\n")[0].splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


if __name__ == "__main__":
    print(processor_class().lower().replace("avx-", "avx").replace(" with ", "-"))
