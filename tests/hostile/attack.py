"""An attack: many hostile inputs from one generator, and what must hold all the time.

    the process lives; the next good call is answered; memory and descriptors are flat

How long others wait is measured by the soak, since a test asserts no times; here only a hang reaches the limit.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.memory import resident_megabytes

__all__ = ["HANG_SECONDS", "AttackPlan", "Process", "attack"]

HANG_SECONDS: Final = 60
"""The seconds that no answer takes, however slow the machine."""

_BETWEEN_LOOKS: Final = 100
# An allocator's arenas and a pool's threads come and go; a leak of a thousandth of a request would be more.
_MOST_MEGABYTES: Final = 100.0
# A server in a process of its own: 25,000 to 50,000 inputs made it 1 to 3 MiB larger.
_MOST_SERVER_MEGABYTES: Final = 25.0
_MOST_DESCRIPTORS: Final = 20
# Longer than the time after which a server gives back what malloc holds free.
_SETTLING_SECONDS: Final = 90


@dataclass(frozen=True)
class AttackPlan:
    """The number and seeds of the inputs that an attack draws.

    Attributes:
        seconds: For so long; None: as many as the test says, always the same.
        first: The seed of the first input; the others follow.
        last: A file for the seed that is tried, for when a process ends at it.
    """

    seconds: float | None
    first: int
    last: Path

    def seeds(self, count: int) -> Iterator[int]:
        """Numbers the inputs: `few` of them, or as many as the time allows."""
        if self.seconds is None:
            yield from range(count)
            return
        end, seed = time.monotonic() + self.seconds, self.first
        self.last.parent.mkdir(parents=True, exist_ok=True)
        while time.monotonic() < end:
            self.last.write_text(f"{seed}\n")
            yield seed
            seed += 1


@dataclass(frozen=True)
class Process:
    """A process that is attacked.

    Attributes:
        pid: "self", or its number; None: it cannot be looked into.
    """

    pid: int | str | None

    def size(self) -> tuple[float, int]:
        """Its memory in MiB and its open descriptors."""
        if self.pid is None:
            return 0.0, 0
        return resident_megabytes(self.pid), sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())


def attack(
    plan: AttackPlan,
    few: int,
    strike: Callable[[random.Random], None],
    still_good: Callable[[], None],
    process: Process = Process("self"),
) -> None:
    """Strikes with one input after another, looks every hundred whether all is well, and at the end at the memory.

    Args:
        plan: How many.
        few: That many, where the plan says no time.
        strike: Draws an input and sends it; fails at an answer that no input may have.
        still_good: Asks for something good; fails without the right answer.
        process: Whose memory and descriptors must stay.

    Raises:
        AssertionError: Something does not hold; the message has the seed of the input, or those that it was among.
    """
    half_time, start_size, seed = time.monotonic() + (plan.seconds or 0) / 2, None, 0
    still_good()
    for count, seed in enumerate(plan.seeds(few)):
        try:
            with _hang_limit():
                strike(random.Random(seed))
                if count % _BETWEEN_LOOKS == _BETWEEN_LOOKS - 1:
                    still_good()
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error!s:.2000}") from error
        # The first half fills caches and pools.
        is_warm = count >= few // 2 if plan.seconds is None else time.monotonic() > half_time
        start_size = start_size or (process.size() if is_warm else None)
    still_good()
    if start_size:
        limit = _MOST_MEGABYTES if process.pid == "self" else _MOST_SERVER_MEGABYTES
        megabytes, descriptors = _settled_size(process, start_size[0] + limit)
        assert megabytes - start_size[0] < limit, f"up to seed {seed}: from {start_size[0]:.0f} to {megabytes:.0f} MiB"
        assert descriptors - start_size[1] < _MOST_DESCRIPTORS, (
            f"up to seed {seed}: from {start_size[1]} to {descriptors} open"
        )


def _settled_size(process: Process, limit: float) -> tuple[float, int]:
    """Returns the size once what the last answers took is given back: below the limit, or after a time."""
    end = time.monotonic() + _SETTLING_SECONDS
    while (size := process.size())[0] >= limit and time.monotonic() < end:
        time.sleep(0.5)
    return size


@contextmanager
def _hang_limit() -> Iterator[None]:
    """Interrupts what hangs in this process; tests run in its main thread."""

    def interrupt(_number: int, _frame: Any) -> None:
        raise TimeoutError("no end in sight")

    handler = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 2 * HANG_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
