"""A queue of trainings that run one at a time, each as a process of its own that outlives the console."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final, Literal, TypeAlias

from tfapp.console.training_log import TrainingLog
from tfapp.core.clock import Clock, utc_now
from tfapp.core.files import private_folder, private_opener, write_json
from tfapp.core.locks import process_lock
from tfapp.errors import TrainingError

__all__ = ["Training", "TrainingQueue", "TrainingState"]

TrainingState: TypeAlias = Literal["waiting", "running", "finished", "failed", "cancelled"]

_PROGRAM: Final = (sys.executable, "-P", "-m", "tfapp")
_MOST_WAITING: Final = 20
_LOOK_SECONDS: Final = 1.0
# What a training gets to end after SIGTERM.
_STOP_SECONDS: Final = 10.0
_LONGEST_ERROR: Final = 1000
_ERRORS_READ: Final = 64 << 10
# The console's password is no business of the processes that it starts.
_SECRET: Final = "TFAPP_CONSOLE_PASSWORD"


@dataclass(frozen=True)
class Training:
    """A training in the queue, as its files tell.

    Attributes:
        number: Counted from 1.
        folder: Its files: `training.json` as it was asked for, `process.json` when it was started, `lines.jsonl` and
            `errors.txt` that the process prints, `cancelled` where somebody cancelled it.
        title: What is trained, for people: the data file.
        model: The name of the model that it makes.
        arguments: Those of the command line.
        created: When it was asked for, in ISO format.
    """

    number: int
    folder: Path
    title: str
    model: str
    arguments: tuple[str, ...]
    created: str

    @property
    def state(self) -> TrainingState:
        """Returns whether it waits, runs, or how it ended."""
        if self.is_waiting:
            return "waiting"
        if self.is_running:
            return "running"
        if self.log().has_ended:
            return "finished"
        return "cancelled" if self.is_cancelled else "failed"

    @property
    def is_waiting(self) -> bool:
        """Returns whether it is still to be started."""
        return not self._process.exists() and not self.is_cancelled

    @property
    def is_running(self) -> bool:
        """Returns whether its process lives, without reading its output."""
        return self._process.exists() and self._is_alive()

    @property
    def is_cancelled(self) -> bool:
        """Returns whether somebody cancelled it; it may still be running for a moment."""
        return (self.folder / "cancelled").exists()

    @property
    def error(self) -> str:
        """Returns the last line that its process wrote to standard error."""
        try:
            with (self.folder / "errors.txt").open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _ERRORS_READ))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            lines = []
        lines = [line.strip() for line in lines if line.strip()]
        errors = [line.removeprefix("tfapp: ") for line in lines if line.startswith("tfapp: ")]
        last_lines = errors or lines or ["it ended without a message; was it killed, or is the machine out of memory?"]
        return last_lines[-1][:_LONGEST_ERROR]

    def log(self) -> TrainingLog:
        """Returns the events that its process has reported so far."""
        return TrainingLog.read(self.folder / "lines.jsonl")

    def cancel(self) -> None:
        """Ends its process with all that this started, or keeps it from starting."""
        self._open_file("cancelled").close()
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends a process that did not end when it was asked to."""
        self._signal(signal.SIGKILL)

    def start(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Starts its process in a session of its own, which no signal for the console reaches.

        The process inherits the lock of the folder, which the system frees when it ends, however it ends.
        """
        variables = {name: value for name, value in os.environ.items() if name != _SECRET}
        with (
            self._open_file("lock") as lock,
            self._open_file("lines.jsonl") as out,
            self._open_file("errors.txt") as err,
        ):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise TrainingError(f"{self.folder}: cannot be locked: {error.strerror}; use a local disk") from error
            process = subprocess.Popen(
                [*command, *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=variables,
                start_new_session=True,
                pass_fds=(lock.fileno(),),
            )
            write_json(self._process, {"pid": process.pid})
            return process

    def _signal(self, number: signal.Signals) -> None:
        """Sends a signal to the processes of its session while it lives: later, their number may be another's."""
        with suppress(OSError, ValueError, KeyError):
            pid = int(json.loads(self._process.read_text(encoding="utf-8"))["pid"])
            if self._is_alive():
                os.killpg(pid, number)

    def _is_alive(self) -> bool:
        """Returns whether the process holds the lock that it inherited."""
        with self._open_file("lock") as lock:
            try:
                # A shared lock, so that two who look do not take each other for the process.
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    @property
    def _process(self) -> Path:
        return self.folder / "process.json"

    def _open_file(self, name: str) -> BinaryIO:
        return open(self.folder / name, "ab", opener=private_opener)


class TrainingQueue:
    """A queue of trainings in a folder.

    A new console on the same folder goes on with it: trainings that were started go on meanwhile.

    Args:
        folder: One folder for each training, by its number; it need not be there yet.
        program: What the arguments of a training are given to.
        clock: Tells the time.
    """

    def __init__(
        self,
        folder: Path,
        *,
        program: Sequence[str] = _PROGRAM,
        clock: Clock = utc_now,
    ) -> None:
        self._folder = folder
        self._program = tuple(program)
        self._clock = clock
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Starts to look after the queue, in a thread."""
        self._thread = threading.Thread(target=self._run, name="training queue", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stops looking after the queue; a training that runs goes on."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def all(self) -> list[Training]:
        """Returns all trainings, the newest first."""
        numbers = [int(path.name) for path in self._folder.glob("[1-9]*") if path.name.isdecimal()]
        trainings = (self._read(number) for number in sorted(numbers, reverse=True))
        return [training for training in trainings if training]

    def get(self, number: int) -> Training:
        """Returns a training.

        Raises:
            TrainingError: There is none of this number.
        """
        training = self._read(number)
        if training is None:
            raise TrainingError(f"no training {number}; the Train page lists the trainings")
        return training

    def add(self, arguments: Sequence[str], *, title: str, model: str) -> Training:
        """Appends a training.

        Args:
            arguments: Those of the command line.
            title: What is trained.
            model: The name of the model.

        Raises:
            TrainingError: Too many wait already.
        """
        with self._lock:
            trainings = self.all()
            queue_length = sum(training.is_waiting for training in trainings)
            if queue_length >= _MOST_WAITING:
                raise TrainingError(
                    f"{queue_length} trainings wait already; cancel one, or come back when some have ended"
                )
            folder = self._new_folder(1 + max((training.number for training in trainings), default=0))
            time = self._clock().isoformat(timespec="seconds")
            document = {"title": title, "model": model, "arguments": list(arguments), "created": time}
            write_json(folder / "training.json", document)
        self._wake.set()
        return self.get(int(folder.name))

    def cancel(self, number: int) -> None:
        """Cancels a training that waits or runs; one that has ended stays as it is.

        Raises:
            TrainingError: There is none of this number.
        """
        training = self.get(number)
        if training.is_waiting or training.is_running:
            training.cancel()

    def look(self) -> None:
        """Starts the oldest training that waits, unless one runs; kills one that goes on after it was cancelled."""
        self._processes = [process for process in self._processes if process.poll() is None]
        trainings = self.all()
        current_training = next((training for training in trainings if training.is_running), None)
        if current_training is not None:
            mark = current_training.folder / "cancelled"
            if current_training.is_cancelled and self._clock().timestamp() - mark.stat().st_mtime > _STOP_SECONDS:
                current_training.kill()
            return
        queue = [training for training in trainings if training.is_waiting]
        if queue:
            self._processes.append(queue[-1].start(self._program))

    def _run(self) -> None:
        while not self._stopping:
            # Of two consoles on one folder, one starts trainings at a time.
            if self._folder.is_dir():
                with suppress(BlockingIOError), process_lock(self._folder / ".lock"):
                    self.look()
            self._wake.wait(_LOOK_SECONDS)
            self._wake.clear()

    def _new_folder(self, number: int) -> Path:
        private_folder(self._folder)
        while True:
            folder = self._folder / str(number)
            with suppress(FileExistsError):
                private_folder(folder, exist_ok=False)
                return folder
            number += 1

    def _read(self, number: int) -> Training | None:
        folder = self._folder / str(number)
        try:
            document = json.loads((folder / "training.json").read_text(encoding="utf-8"))
            arguments = tuple(map(str, document["arguments"]))
            time = str(datetime.fromisoformat(document["created"]).isoformat())
            return Training(number, folder, str(document["title"]), str(document["model"]), arguments, time)
        except (OSError, ValueError, KeyError, TypeError):
            return None
