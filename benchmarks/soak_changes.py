"""Changes a server during a soak, and samples what it takes of the machine."""

from __future__ import annotations

import itertools
import math
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness import quiet
from scale_memory import own_memory
from scale_served import MeasuredServer, config_text
from tfapp_client import Client
from tfapp_client.errors import NotFoundError

from tfapp.workflows.deploy import Servers

__all__ = ["MODEL", "Changes", "ProcessSampler", "callers_command"]

MODEL: Final = "news"
_EXTRA: Final = "extra"
_RELOADED: Final = "reloaded"
_CALLERS: Final = Path(__file__).with_name("soak_callers.py")


def callers_command(kind: str, server: MeasuredServer, rest_port: int) -> list[str]:
    """Returns the command that starts a process of callers."""
    return [sys.executable, str(_CALLERS), kind, server.address, str(rest_port), MODEL]


def _is_served(client: Client, name: str) -> bool:
    try:
        return any(state.available for state in client.status(name))
    except NotFoundError:
        return False


@dataclass
class Changes:
    """The changes to a server while it is attacked."""

    server: MeasuredServer
    rest_port: int
    versions: Path

    def __post_init__(self) -> None:
        self.counts = {"versions published": 0, "configurations": 0, "reloads": 0, "callers killed": 0}
        self.failures: list[str] = []
        changes = [self._publish, self._configure, self._reload, self._kill]
        self._turn: Iterator[Callable[[], None]] = itertools.cycle(changes)
        self._extra = False
        # The first call imports what makes the message, before anybody's time is taken.
        self._send()

    def go_on(self, seconds: float, steady_calls: Future[Any]) -> None:
        """Makes one change after another until the good callers have ended; the configuration is then as it was."""
        pause = max(2.0, seconds / 12)
        while not steady_calls.done():
            self._make(next(self._turn))
            threading.Event().wait(pause)
        if self._extra:
            self._make(self._configure)

    def _make(self, change: Callable[[], None]) -> None:
        try:
            change()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told at the end
            self.failures.append(f"{change.__name__.removeprefix('_')}: {error}"[:300])

    def _publish(self) -> None:
        """Publishes a new version by rename; once it is served, the one before the last goes."""
        numbers = sorted(int(folder.name) for folder in self.versions.iterdir() if folder.name.isdigit())
        draft = self.versions.parent / f".draft-{numbers[-1] + 1}"
        shutil.copytree(self.versions / str(numbers[-1]), draft, copy_function=os.link)
        draft.rename(self.versions / str(numbers[-1] + 1))
        with Client(self.server.address) as client:
            client.wait_until_ready(MODEL, 120, version=numbers[-1] + 1)
        for number in numbers[:-1]:
            shutil.rmtree(self.versions / str(number))
        self.counts["versions published"] += 1

    def _configure(self) -> None:
        """Adds a model, or removes it again: the server reads the file by itself."""
        self._extra = not self._extra
        self._write()
        if self._extra:
            with Client(self.server.address) as client:
                client.wait_until_ready(_EXTRA, 120)
        self.counts["configurations"] += 1

    def _reload(self) -> None:
        """Adds a model and removes it again: the server is sent the configuration, and has it when it answers."""
        self._write(_RELOADED)
        self._send()
        with Client(self.server.address) as client:
            if not _is_served(client, _RELOADED):
                raise RuntimeError(f"{_RELOADED} takes no requests after the answer")
            self._write()
            self._send()
            if _is_served(client, _RELOADED):
                raise RuntimeError(f"{_RELOADED} takes requests still")
        self.counts["reloads"] += 1

    def _write(self, *names: str) -> None:
        """Writes the config file, which appears by rename."""
        draft = self.server.config.with_suffix(".draft")
        models = [MODEL, *([_EXTRA] if self._extra else []), *names]
        draft.write_text(config_text(dict.fromkeys(models, self.versions)), encoding="utf-8")
        draft.rename(self.server.config)

    def _send(self) -> None:
        Servers([self.server.address], reload=True, timeout=120).send(self.server.config)

    def _kill(self) -> None:
        """Kills callers in the middle of their calls."""
        process = subprocess.Popen(
            callers_command("doomed", self.server, self.rest_port), stdout=subprocess.PIPE, env=quiet()
        )
        assert process.stdout is not None
        process.stdout.readline()
        threading.Event().wait(1.0)
        process.kill()
        process.communicate()
        self.counts["callers killed"] += 1


@dataclass
class ProcessSampler:
    """Samples a process once a second: its megabytes and descriptors."""

    process: int

    def __post_init__(self) -> None:
        self.samples: list[tuple[float, float, int]] = []
        self.done = threading.Event()

    @classmethod
    @contextmanager
    def sample_in_background(cls, process: int) -> Iterator[ProcessSampler]:
        sampler = cls(process)
        thread = threading.Thread(target=sampler._look)
        thread.start()
        try:
            yield sampler
        finally:
            sampler.done.set()
            thread.join()

    def since(self, start_time: float) -> dict[str, Any]:
        """Returns the figures of a phase's second half: before it, what the last phase left goes."""
        middle = (start_time + time.monotonic()) / 2
        samples = [sample for sample in self.samples if sample[0] >= middle] or [(0.0, math.nan, 0)]
        _, megabytes, descriptors = zip(*samples, strict=True)
        highest = max((sample[1] for sample in self.samples if sample[0] >= start_time), default=math.nan)
        return {
            "megabytes": statistics.median(megabytes),
            "most megabytes": highest,
            "descriptors": int(statistics.median(descriptors)),
        }

    def _look(self) -> None:
        while not self.done.wait(1.0):
            try:
                descriptors = len(os.listdir(f"/proc/{self.process}/fd"))  # noqa: PTH208
                self.samples.append((time.monotonic(), own_memory(self.process), descriptors))
            except (OSError, StopIteration):
                # The process has ended, which the callers tell.
                return
