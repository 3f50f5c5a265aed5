from __future__ import annotations

import threading

from tests.processes import wait_until
from tfapp.errors import DataError
from tfapp.web.background_jobs import BackgroundJob, BackgroundJobs


class Work:
    """Work that goes on until it is let go, each time anew."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.times = 0

    def __call__(self, _job: BackgroundJob) -> str:
        self.times += 1
        self.begun.release()
        self.go.acquire()
        if self.times == 1:
            raise DataError("the first one fails")
        return f"done {self.times}"


def test_what_is_asked_for_while_it_runs_is_done_once_more_afterwards() -> None:
    jobs, work = BackgroundJobs(), Work()
    job = jobs.start("score", work, again=True)
    work.begun.acquire()
    assert [jobs.start("score", work, again=True) for _ in range(3)] == [job] * 3
    work.go.release()
    work.begun.acquire()
    assert job.running
    work.go.release()
    wait_until(lambda: not job.running)
    assert (work.times, job.note, job.error) == (2, "done 2", "")


def test_what_is_asked_to_end_is_not_done_again() -> None:
    jobs, work = BackgroundJobs(), Work()
    job = jobs.start("score", work)
    work.begun.acquire()
    jobs.start("score", work, again=True)
    job.stopping = True
    work.go.release()
    jobs.stop()
    assert (job.running, work.times, job.error) == (False, 1, "the first one fails")


def test_what_need_not_be_done_again_is_done_once() -> None:
    jobs, work = BackgroundJobs(), Work()
    job = jobs.start("learn", work)
    work.begun.acquire()
    assert jobs.start("learn", work) is job
    work.go.release()
    wait_until(lambda: not job.running)
    assert work.times == 1
    assert jobs.start("learn", work) is not job
    work.go.release()
    jobs.stop()
