"""The harness that benchmarks share: contenders in processes of their own, and a report that appears by rename."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from processor import describe_processor

__all__ = ["Worker", "WorkerEndedError", "environment", "home_folder", "quiet", "serve_lines", "write_report"]


class WorkerEndedError(SystemExit):
    """A worker ended before it answered."""


class Worker:
    """A process that measures one thing after the other, as it is asked.

    Args:
        command: Starts it; it answers each line of its standard input with a line of JSON.
        env: Its environment; without one it is quiet and sees no GPU.
    """

    def __init__(self, *command: str, env: Mapping[str, str] | None = None) -> None:
        # Kept, so that a worker that dies can say why.
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=quiet() if env is None else env,
        )

    def ask(self, question: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(question + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise WorkerEndedError(f"the worker ended at {question}:\n{self._errors.read()[-2000:].rstrip()}")
        return json.loads(line)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends it; again does nothing."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.communicate()


@contextmanager
def home_folder(folder: Path | None) -> Iterator[Path]:
    """Yields an application's folder; without one a temporary folder, gone after the block."""
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield Path(temporary)


def serve_lines(answer: Callable[[str], Any]) -> None:
    """Answers the lines of standard input until it ends: what a worker's process runs."""
    for line in sys.stdin:
        print(json.dumps(answer(line.strip())), flush=True)


def quiet() -> dict[str, str]:
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}


def environment(*packages: str) -> dict[str, Any]:
    versions = {dist.metadata["Name"]: dist.version for dist in metadata.distributions()}
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "processor": describe_processor(),
        "load": os.getloadavg(),
        "packages": {name: versions.get(name) for name in packages},
    }


def write_report(file: Path, report: Mapping[str, Any]) -> None:
    draft = file.with_name(f".{os.getpid()}.{file.name}")
    draft.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    draft.replace(file)
