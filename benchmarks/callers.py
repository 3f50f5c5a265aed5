"""Callers that ask a model without a pause, whichever way it is called, and the texts that they ask about."""

from __future__ import annotations

import itertools
import random
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

__all__ = ["CALLERS", "measures", "texts"]

# Where a turn says what the callers' process computed.
CALLERS: Final = "callers_cpu_ms"
_SHORT: Final = "Shares fell sharply as traders waited for news"
_CALLS: Final = 100
# Texts of 4 to 24 words, as messages have: the shorter they are, the more the server's own work counts.
_WORDS: Final = 24
_TEXTS: Final = 1024
_VOCABULARY: Final = (
    "the a of to and in for with market shares team minister goal film phone data bank court price report said new "
    "after before over under fell rose won lost played signed opened closed early late quickly million percent"
)


def measures(call: Callable[[list[str]], Any]) -> Callable[[str], Any]:
    """What a caller is asked for: `one`, or `load CALLERS ROWS SECONDS`."""

    def answer(question: str) -> Any:
        what, *numbers = question.split()
        if what == "one":
            return median_latency(call)
        callers, rows, seconds = numbers
        return load(call, int(callers), int(rows), float(seconds))

    for rows in (1, 32):
        call(texts()[:rows])
    return answer


def median_latency(call: Callable[[list[str]], Any]) -> float:
    """Milliseconds of one short text, asked again and again."""
    latencies = []
    for _ in range(_CALLS):
        began = time.perf_counter()
        call([_SHORT])
        latencies.append(time.perf_counter() - began)
    return statistics.median(latencies) * 1e3


def load(call: Callable[[list[str]], Any], callers: int, rows: int, seconds: float) -> dict[str, float]:
    """Texts a second of callers that ask without a pause, and the CPU milliseconds a text of their process."""
    lines = texts()
    requests = itertools.cycle([lines[at : at + rows] for at in range(0, len(lines), rows)])
    lock = threading.Lock()
    began, cpu = time.perf_counter(), time.process_time()

    def caller(_place: int) -> int:
        answered = 0
        while time.perf_counter() - began < seconds:
            with lock:
                request = next(requests)
            call(request)
            answered += len(request)
        return answered

    with ThreadPoolExecutor(callers) as pool:
        done = sum(pool.map(caller, range(callers)))
    return {
        "rows": done,
        "rows_per_second": done / (time.perf_counter() - began),
        CALLERS: (time.process_time() - cpu) / done * 1e3,
    }


def texts() -> list[str]:
    """Made texts, the same in every process."""
    chance, words = random.Random(1), _VOCABULARY.split()
    return [" ".join(chance.choices(words, k=chance.randint(4, _WORDS))) for _ in range(_TEXTS)]
