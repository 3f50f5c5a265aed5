"""Runs calls at the same time, up to a limit, in threads or in tasks of asyncio."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

__all__ = ["gather_async", "gather_threads"]

T = TypeVar("T")


async def gather_async(calls: Sequence[Callable[[], Awaitable[T]]], limit: int) -> list[T]:
    """Awaits the results of calls, in order; the first that fails cancels the others."""
    semaphore = asyncio.Semaphore(limit)

    async def run(call: Callable[[], Awaitable[T]]) -> T:
        async with semaphore:
            return await call()

    tasks = [asyncio.ensure_future(run(call)) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def gather_threads(calls: Sequence[Callable[[], T]], limit: int) -> list[T]:
    """Waits for the results of calls, in order; the first that fails ends those that have not begun."""
    with ThreadPoolExecutor(limit, thread_name_prefix="tfapp-client") as pool:
        futures: list[Future[T]] = [pool.submit(contextvars.copy_context().run, call) for call in calls]
        ended_futures, _ = wait(futures, return_when=FIRST_EXCEPTION)
        pool.shutdown(wait=False, cancel_futures=True)
        failure = next(
            (future.exception() for future in futures if future in ended_futures and future.exception()), None
        )
        if failure is not None:
            raise failure
        return [future.result() for future in futures]
