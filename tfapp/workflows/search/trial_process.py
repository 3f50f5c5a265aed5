"""Runs one trial in a process of its own, and talks to it in lines: so no trial leaves memory behind.

The process writes JSON lines on standard output: `epoch` with the dev value, which it then waits for an answer to, and
at last `end`, `stopped` or `error`. It is answered `go` or `stop` on standard input. When that is closed, the process
that began it is gone, and it ends, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any, Final

from tfapp.core.files import private_opener

__all__ = ["TRIAL_COMMAND", "run_trial_process"]

TRIAL_COMMAND: Final = (sys.executable, "-m", "tfapp.workflows.search.trial")
"""Trains what a folder's `trial.toml` says; followed by `trial` or `seed`, the folder, and that of shared arrays."""

# Seconds between two looks at what else is to be done.
_PAUSE: Final = 0.5
# Seconds for a process that was told to stop to do so.
_PATIENCE: Final = 120.0
_LOG_CHARACTERS: Final = 2000


def run_trial_process(
    command: Sequence[str],
    log: Path,
    *,
    on_epoch: Callable[[Mapping[str, Any]], bool] = lambda _: True,
    goes_on: Callable[[], bool] = lambda: True,
) -> dict[str, Any]:
    """Runs a trial's process to its end.

    Args:
        command: What to run.
        log: Where its standard error goes.
        on_epoch: Is told of each epoch, and says whether the trial goes on.
        goes_on: Is asked twice a second, at least; False ends the trial at its next step.

    Returns:
        The last line: the event `end`, `stopped`, or `error` with its `message`, also where the process crashed.
    """
    with open(log, "w", encoding="utf-8", opener=private_opener) as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            # Ctrl-C is this process's to answer.
            start_new_session=True,
        )
    try:
        last = _converse(process, on_epoch, goes_on)
    finally:
        if process.stdin:
            # A word that it did not wait for is still in the pipe's buffer.
            with suppress(OSError):
                process.stdin.close()
        if sys.exc_info()[0] is not None:
            process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
    if last is not None:
        return last
    return {"event": "error", "message": f"its process ended with status {process.returncode}: {_last_line(log)}"}


def _converse(
    process: subprocess.Popen[str], on_epoch: Callable[[Mapping[str, Any]], bool], goes_on: Callable[[], bool]
) -> dict[str, Any] | None:
    """Returns the last event; None where there is none."""
    assert process.stdin is not None
    assert process.stdout is not None
    lines: SimpleQueue[str | None] = SimpleQueue()
    threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
    last: dict[str, Any] | None = None
    is_stopping = False
    seconds = 0.0
    while True:
        try:
            line = lines.get(timeout=_PAUSE)
        except Empty:
            seconds += _PAUSE if is_stopping else 0.0
            if seconds > _PATIENCE:
                last = {"event": "stopped"}
                process.kill()
            if not is_stopping and not goes_on():
                is_stopping = True
                _tell(process.stdin, "stop")
            continue
        if line is None:
            return last
        event = _parse(line)
        if event.get("event") == "epoch":
            _tell(process.stdin, "go" if on_epoch(event) and not is_stopping and goes_on() else "stop")
        elif event.get("event") in ("end", "stopped", "error"):
            last = event


def _read(stream: IO[str], lines: SimpleQueue[str | None]) -> None:
    try:
        for line in stream:
            lines.put(line)
    except ValueError:
        # Closed, as the process was killed.
        pass
    lines.put(None)


def _parse(line: str) -> dict[str, Any]:
    """Returns the event on a line; an empty one for other lines, which libraries print."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _tell(stream: IO[str], word: str) -> None:
    try:
        stream.write(f"{word}\n")
        stream.flush()
    except (BrokenPipeError, ValueError):
        # It has ended; what it printed last says how.
        return


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace")[-_LOG_CHARACTERS:].split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "no message")
