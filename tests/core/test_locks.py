"""A lock belongs to one process at a time, and to nobody once that process is gone."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tfapp.core.locks import process_lock

_HOLDER = """
import sys
from pathlib import Path
from tfapp.core.locks import process_lock
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
    with holder(tmp_path / "lock") as process:
        with pytest.raises(BlockingIOError, match=rf"^process {process.pid} on "), process_lock(tmp_path / "lock"):
            pass
        process.kill()
        process.wait()
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


class LockOf(FileLock):
    """A lock of a file system that answers with an error."""

    def __init__(self, file: Path, *, code: int, **options: Any) -> None:
        super().__init__(file, **options)
        self._code = code

    def _acquire(self) -> None:
        raise OSError(self._code, os.strerror(self._code))


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_file_system_without_locks_is_told_and_leaves_no_lock_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    for _ in range(2):  # what the first left, as a killed process leaves it, hinders nobody
        with process_lock(tmp_path / "lock", make_lock=partial(LockOf, code=code)):
            pass
    (line, second_line) = caplog.messages
    assert line == second_line
    assert line.startswith(f"{tmp_path}: this file system has no locks ({os.strerror(code)}), so nothing keeps")
    assert (tmp_path / "lock").read_text().startswith(f'{{"pid": {os.getpid()}')


def test_the_locks_of_files_that_a_killed_process_would_leave_are_not_taken(tmp_path: Path) -> None:
    options = {}

    def make_lock(file: Path, **lock_options: Any) -> FileLock:
        options.update(lock_options)
        return FileLock(file, **lock_options)

    with process_lock(tmp_path / "lock", make_lock=make_lock):
        assert options["fallback_to_soft"] is False


def test_another_error_is_no_file_system_without_locks(tmp_path: Path) -> None:
    with (
        pytest.raises(OSError, match=os.strerror(errno.EIO)),
        process_lock(tmp_path / "lock", make_lock=partial(LockOf, code=errno.EIO)),
    ):
        pass
