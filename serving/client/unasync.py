"""Writes the plain client from the asynchronous one, by replacing words, as httpcore's `unasync.py` does.

`python serving/client/unasync.py` writes the files; with `--check` it only says which of them differ, and ends with 1.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parent / "tfapp_client"
FILES: Final = {
    "async_client.py": "client.py",
    "async_task_calls.py": "task_calls.py",
    "async_requests.py": "requests.py",
}

_WORDS: Final = [
    ("The client for programs that run on asyncio; the plain one, client.py, is generated from it.", "The client."),
    ("The calls of each task on asyncio; the plain ones, task_calls.py, are generated.", "The calls of each task."),
    ("without blocking the event loop; belongs to the loop of its first call.", "and waits for their answers."),
    ("    A task that is cancelled cancels its call.\n", "    A client is safe to share between threads.\n"),
    (
        r"(?s)>>> async def main\(\):.*?>>> asyncio\.run\(main\(\)\)",
        """>>> with AsyncClient(transport=server) as client:
        ...     client.classify("news", ["England win"])[0].label""",
    ),
    (r"asyncio\.sleep", "time.sleep"),
    (r" *(>>> )?import asyncio\n", ""),
    (r"Awaitable, ", ""),
    (r"\bAwaitable\[((?:\w|\[\w+\])+)\]", r"\1"),
    (r"\bgather_async\b", "gather_threads"),
    (r"\basync_(client|requests|task_calls)\b", r"\1"),
    (r"\bAsync(\w+)", r"\1"),
    (r"\b__a(enter|exit)__", r"__\1__"),
    (r"\basync (def|with|for) ", r"\1 "),
    (r"\bawait ", ""),
]


def without_async(source: str) -> str:
    """Returns a module's source with plain functions in place of coroutines."""
    for pattern, replacement in _WORDS:
        source = re.sub(pattern, replacement, source)
    return source


def generate(name: str) -> str:
    """Returns the source of the plain module that belongs to an asynchronous one, sorted and formatted by ruff."""
    notice = f"# Generated from {name} by serving/client/unasync.py, which `make format` runs: edit that file.\n"
    source = notice + without_async((PACKAGE / name).read_text(encoding="utf-8"))
    for command in (["check", "--quiet", "--select", "I", "--fix"], ["format"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(PACKAGE / FILES[name]), "-"]
        source = subprocess.run(ruff, input=source, check=True, capture_output=True, text=True).stdout
    return source


def main(arguments: list[str]) -> int:
    """Writes the plain modules, or compares them; returns the exit status."""
    check = "--check" in arguments
    sources = {PACKAGE / name_of_sync: generate(name) for name, name_of_sync in FILES.items()}
    stale = [path for path, source in sources.items() if not path.exists() or path.read_text("utf-8") != source]
    for path in stale:
        if check:
            print(f"{path.name} is not what is generated from async_{path.name}; run `make format`", file=sys.stderr)
        else:
            path.write_text(sources[path], encoding="utf-8")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
