"""The command line as tests call it: in this process, or in one of its own."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Result", "call", "complaint", "finish", "kill_when", "run", "start", "wait_for", "wait_until"]

_PROGRAM = (sys.executable, "-m", "tfapp")
_DEADLINE = 300.0


@dataclass(frozen=True)
class Result:
    """The output of a command, and its exit status."""

    code: int
    out: str
    err: str


def call(*arguments: str | Path) -> Result:
    """Calls the command line in this process; neither output is a terminal."""
    from tfapp.cli.app import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as end:
            return Result(int(end.code or 0), out.getvalue(), err.getvalue())
    raise AssertionError("main came back")


def complaint(result: Result) -> str:
    """The one line of a command that refused what it was given."""
    assert result.code == 2, result
    assert result.err.startswith("tfapp: ")
    assert result.err.endswith("\n")
    assert len(result.err.splitlines()) == 1
    return result.err.removeprefix("tfapp: ").rstrip("\n")


def start(
    *arguments: str | Path, read: bool = True, through: Sequence[str] = (), **environment: str
) -> subprocess.Popen[str]:
    """Starts `tfapp` in a process of its own, with more environment variables, by another program if need be.

    Standard output that is never read would fill its pipe, and the process would wait.
    """
    command = [*through, *_PROGRAM, *(str(argument) for argument in arguments)]
    out = subprocess.PIPE if read else subprocess.DEVNULL
    variables = {**os.environ, **environment}
    return subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, text=True, env=variables)


def run(*arguments: str | Path) -> Result:
    """Runs `tfapp` in a process of its own to its end."""
    return finish(start(*arguments))


def finish(process: subprocess.Popen[str]) -> Result:
    """Waits for a process to end."""
    try:
        out, err = process.communicate(timeout=_DEADLINE)
    finally:
        process.kill()
    return Result(process.returncode, out, err)


def kill_when(event: Callable[[], bool], *arguments: str | Path) -> None:
    """Starts `tfapp` and kills it with SIGKILL as soon as the event is there."""
    process = start(*arguments, read=False)
    try:
        wait_for(event, process)
    finally:
        process.kill()
        process.communicate()


def wait_for(
    event: Callable[[], bool], process: subprocess.Popen[Any], pause: float = 0.001, seconds: float = _DEADLINE
) -> None:
    """Waits for an event that a process brings about, and looks for it all the time.

    Args:
        event: Whether it is there.
        process: Must not end before.
        pause: Seconds between two looks.
        seconds: Longest time to wait.
    """
    end = time.monotonic() + seconds
    while not event():
        if process.poll() is not None and not event():
            raise AssertionError(f"ended before the event: {process.communicate()}")
        if time.monotonic() > end:
            raise AssertionError("the event did not come")
        time.sleep(pause)


def wait_until(event: Callable[[], bool], pause: float = 0.01, seconds: float = 20.0) -> None:
    """Waits for an event that another thread brings about."""
    end = time.monotonic() + seconds
    while not event():
        assert time.monotonic() < end, "the event did not come"
        time.sleep(pause)
