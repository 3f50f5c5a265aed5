"""Callers that ask a model without a pause, whichever way it is called, and made texts that they may ask about."""

from __future__ import annotations

import itertools
import random
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

__all__ = ["CALLERS", "answered_texts", "measures", "texts"]

# Where a turn says what the callers' process computed.
CALLERS: Final = "callers_cpu_ms"
_SHORT: Final = "Shares fell sharply as traders waited for news"
_CALLS: Final = 100
_ANSWERS: Final = 256
_THOUSAND: Final = 1000
# The first, and those once warm.
_PASSES: Final = 4
# Texts of 4 to 24 words, as messages have: the shorter they are, the more the server's own work counts.
_WORDS: Final = 24
_TEXTS: Final = 1024
_VOCABULARY: Final = (
    "the a of to and in for with market shares team minister goal film phone data bank court price report said new "
    "after before over under fell rose won lost played signed opened closed early late quickly million percent"
)

AskServer = Callable[[list[str]], Any]


def measures(call: AskServer, streams: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """Returns a function that answers what a caller is asked for.

    - `one STREAM`: the median latency of one text in milliseconds;
    - `pass STREAM ROWS TEXTS`: texts a second of one caller, in requests of ROWS in the order of arrival;
    - `two STREAM ROWS TEXTS`: the same of two callers at once, for engines that answer requests side by side;
    - `first STREAM ROWS TEXTS`: the seconds of a pass, then the median of three passes over the same texts;
    - `sorted STREAM ROWS TEXTS`, `sorted-two`: the same where 256 texts at a time are sorted by length first;
    - `p99 STREAM ROWS REQUESTS`: the 99th percentile of the milliseconds of each thousand of one caller's requests of
      ROWS texts that are drawn anew;
    - `load STREAM CALLERS ROWS SECONDS`: texts a second of several callers.

    Args:
        call: Answers some texts.
        streams: Texts by name.
    """

    def answer(question: str) -> Any:
        command, stream, *numbers = question.split()
        lines = list(streams[stream])
        if command == "one":
            return median_latency(call, lines)
        if command == "load":
            callers, rows, seconds = numbers
            return load(call, lines, int(callers), int(rows), float(seconds))
        rows, count = map(int, numbers)
        if command == "p99":
            return percentiles(call, lines, rows, count)
        if command == "first":
            first, *later = (count / rate(call, lines[:count], rows) for _ in range(_PASSES))
            return [first, statistics.median(later)]
        chosen = (sorted_within(lines) if command.startswith("sorted") else lines)[:count]
        return rate(call, chosen, rows, callers=2 if command.endswith("two") else 1)

    return answer


def answered_texts(streams: Mapping[str, Sequence[str]]) -> list[str]:
    """Returns the texts whose answers are compared before anything is measured: questions, which the labels are for."""
    return list(streams["questions"][:_ANSWERS])


def median_latency(call: AskServer, lines: list[str]) -> float:
    """Returns the median milliseconds of one text, asked one after another."""
    latencies = []
    for line in itertools.islice(itertools.cycle(lines[:_CALLS]), 2 * _CALLS):
        start_time = time.perf_counter()
        call([line])
        latencies.append(time.perf_counter() - start_time)
    # The first round meets each length for the first time.
    return statistics.median(latencies[_CALLS:]) * 1e3


def percentiles(call: AskServer, lines: list[str], rows: int, count: int) -> list[float]:
    """Returns the 99th percentile of each thousand requests' latencies in milliseconds."""
    chance, latencies = random.Random(1), []
    for _ in range(count):
        request = chance.choices(lines, k=rows)
        start_time = time.perf_counter()
        call(request)
        latencies.append((time.perf_counter() - start_time) * 1e3)
    thousands = [latencies[at : at + _THOUSAND] for at in range(0, count, _THOUSAND)]
    return [statistics.quantiles(part, n=100)[-1] for part in thousands]


def rate(call: AskServer, lines: list[str], rows: int, *, callers: int = 1) -> float:
    """Returns the texts a second of one caller, or of several that share the requests."""
    requests = [lines[at : at + rows] for at in range(0, len(lines), rows)]
    with ThreadPoolExecutor(callers) as pool:
        start_time = time.perf_counter()
        for _ in pool.map(call, requests) if callers > 1 else map(call, requests):
            pass
        return len(lines) / (time.perf_counter() - start_time)


def load(call: AskServer, lines: list[str], callers: int, rows: int, seconds: float) -> dict[str, float]:
    """Returns texts a second of callers that ask without a pause, and the CPU milliseconds a text of their process."""
    requests = itertools.cycle([lines[at : at + rows] for at in range(0, len(lines), rows)])
    lock = threading.Lock()
    start_time, cpu = time.perf_counter(), time.process_time()

    def caller(_index: int) -> int:
        count = 0
        while time.perf_counter() - start_time < seconds:
            with lock:
                request = next(requests)
            call(request)
            count += len(request)
        return count

    with ThreadPoolExecutor(callers) as pool:
        total = sum(pool.map(caller, range(callers)))
    return {
        "rows": total,
        "rows_per_second": total / (time.perf_counter() - start_time),
        CALLERS: (time.process_time() - cpu) / total * 1e3,
    }


def sorted_within(lines: list[str], pool: int = 256) -> list[str]:
    """Returns texts sorted by length within pools, as one may who need not answer in the order of arrival."""
    return [line for at in range(0, len(lines), pool) for line in sorted(lines[at : at + pool], key=len)]


def texts() -> dict[str, list[str]]:
    """Returns made texts, the same in every process: a stream of one, and one of many."""
    chance, words = random.Random(1), _VOCABULARY.split()
    all_texts = [" ".join(chance.choices(words, k=chance.randint(4, _WORDS))) for _ in range(_TEXTS)]
    return {"one": [_SHORT], "made": all_texts}
