"""Background jobs, for work that takes longer than a page may."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tfapp_client.errors import ClientError

from tfapp.errors import TfappError
from tfapp.web.error_messages import error_message

__all__ = ["BackgroundJob", "BackgroundJobs"]

# What is neither a user's mistake nor an outage; the thread's own end prints it.
_DEFECT: Final = "it failed because of a bug in tfapp; the console's log has the details"


@dataclass
class BackgroundJob:
    """A job in the background.

    Attributes:
        note: What has been done so far, or what came of it.
        error: Why it failed, where it is not running; empty otherwise.
        running: Whether it goes on.
        stopping: Whether it should end soon.
        again: Whether it is done once more afterwards.
    """

    note: str = ""
    error: str = ""
    running: bool = True
    stopping: bool = False
    again: bool = False


class BackgroundJobs:
    """Runs the jobs of a console, one at a time of each name."""

    def __init__(self) -> None:
        self._jobs: dict[str, BackgroundJob] = {}
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def start(self, name: str, work: Callable[[BackgroundJob], str], *, again: bool = False) -> BackgroundJob:
        """Starts a job unless it is running, and returns the one that runs.

        Args:
            name: Of the work.
            work: Is given the job, to note how far it is, and says what came of it.
            again: Where it is running, do it once more afterwards: it may have looked for work before there was this.
        """
        with self._lock:
            current = self._jobs.get(name)
            if current is not None and current.running:
                current.again = current.again or again
                return current
            job = self._jobs[name] = BackgroundJob()
            thread = threading.Thread(target=self._run, args=(job, work), name=f"console {name}", daemon=True)
            self._threads = [*(other for other in self._threads if other.is_alive()), thread]
            thread.start()
            return job

    def get(self, name: str) -> BackgroundJob | None:
        """Returns the last job of a name."""
        return self._jobs.get(name)

    def stop(self, seconds: float = 10.0) -> None:
        """Asks all jobs to end, and waits for them for a while."""
        with self._lock:
            for job in self._jobs.values():
                job.stopping = True
            threads = self._threads
        for thread in threads:
            thread.join(seconds)

    def _run(self, job: BackgroundJob, work: Callable[[BackgroundJob], str]) -> None:
        try:
            while job.running:
                job.error = _DEFECT
                try:
                    job.note, job.error = work(job), ""
                except (TfappError, ClientError) as error:
                    job.error = error_message(error)
                with self._lock:
                    job.running, job.again = job.again and not job.stopping, False
        finally:
            job.running = False
