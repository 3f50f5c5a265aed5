"""Tests that need the libraries of others; `make test-interop` runs them, and nothing else does."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

collect_ignore_glob = [] if "TFAPP_INTEROP_PYTHON" in os.environ else ["test_*.py"]

AskLibrary = Callable[..., Any]


@pytest.fixture(scope="session")
def ask() -> Iterator[AskLibrary]:
    """Asks a process that has the libraries: a library's name, an exported folder, and rows."""
    command = [os.environ["TFAPP_INTEROP_PYTHON"], str(Path(__file__).with_name("answer.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_quiet()) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def question(library: str, folder: Path, rows: list[Any], **options: Any) -> Any:
            line = json.dumps({"library": library, "folder": str(folder), "rows": rows, **options})
            process.stdin.write(line + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            assert "error" not in answer, answer["error"]
            return answer

        yield question
        process.stdin.close()


def _quiet() -> dict[str, str]:
    return {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": ""}
