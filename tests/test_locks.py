"""A lock belongs to one process at a time, and to nobody once that process is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tfapp.locks import process_lock

_HOLDER = """
import sys
from pathlib import Path
from tfapp.locks import process_lock
with process_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(file: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until it is killed."""
    command = [sys.executable, "-c", _HOLDER, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_second_process_is_told_who_holds_it_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    with holder(tmp_path / "lock") as other:
        with pytest.raises(BlockingIOError, match=rf"^process {other.pid} on "), process_lock(tmp_path / "lock"):
            pass
        other.kill()
        other.wait()
        with process_lock(tmp_path / "lock"):
            pass


def test_the_same_process_holds_it_once(tmp_path: Path) -> None:
    with (
        process_lock(tmp_path / "lock"),
        pytest.raises(BlockingIOError, match=str(os.getpid())),
        process_lock(tmp_path / "lock"),
    ):
        pass
    with process_lock(tmp_path / "lock"):
        pass


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"pid": null, "host": "x"}', b"\xff", b'{"pid": 1}'])
def test_a_holder_that_says_nothing_is_another_process(tmp_path: Path, note: bytes) -> None:
    with process_lock(tmp_path / "lock"):
        (tmp_path / "lock").write_bytes(note)
        with pytest.raises(BlockingIOError, match=r"^another process$"), process_lock(tmp_path / "lock"):
            pass
