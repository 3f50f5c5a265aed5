"""Runs `tfapp serve` with several models, and callers that ask all of them by turns, each in its own process.

    python scale_served.py ADDRESS STREAMS.json NAME [NAME ...]

is the callers' process, which answers what `callers.measures` says.
"""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from callers import measures
from harness import Worker, quiet, serve_lines
from scale_memory import resident_memory

__all__ = ["MeasuredServer", "serve", "start_callers"]


@dataclass(frozen=True)
class MeasuredServer:
    """A server that answers.

    Attributes:
        address: Where.
        process: Its number.
        seconds: From the command to the answer that it serves: imports, loading and warm-up of all models.
        config: Its model config file.
    """

    address: str
    process: int
    seconds: float
    config: Path

    def memory(self) -> float:
        """Returns its megabytes in memory."""
        return resident_memory(self.process)


@contextmanager
def serve(models: Mapping[str, Path], *flags: str) -> Iterator[MeasuredServer]:
    """Runs `tfapp serve` with a model config file.

    Args:
        models: The folder of each model's versions, by name.
        flags: More flags.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as errors:
        config = Path(folder, "models.config")
        config.write_text(config_text(models), encoding="utf-8")
        command = [sys.executable, "-m", "tfapp", "serve", "--port=0", f"--model_config_file={config}", *flags]
        start_time = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=quiet())
        try:
            assert process.stdout is not None
            match = next(filter(None, (re.search(r"serving on (\S+)", line) for line in process.stdout)), None)
            if match is None:
                errors.seek(0)
                raise SystemExit(f"the server ended:\n{errors.read()[-2000:]}")
            yield MeasuredServer(match[1], process.pid, time.perf_counter() - start_time, config)
        finally:
            process.terminate()
            process.communicate()


def config_text(models: Mapping[str, Path]) -> str:
    configs = (
        f'  config {{ name: "{name}" base_path: "{folder}" model_platform: "tensorflow" }}\n'
        for name, folder in models.items()
    )
    return f"model_config_list {{\n{''.join(configs)}}}\n"


def start_callers(server: MeasuredServer, streams: Path, names: list[str]) -> Worker:
    return Worker(sys.executable, __file__, server.address, str(streams), *names)


def main() -> None:
    address, streams, *names = sys.argv[1:]
    from tfapp_client import Client

    turns = itertools.cycle(names)
    with Client(address) as client:
        lines = json.loads(Path(streams).read_text(encoding="utf-8"))
        serve_lines(measures(lambda rows: client.classify(next(turns), rows), lines))


if __name__ == "__main__":
    main()
