"""Makes a stream of real texts with surges of complaints planted in it, for the demo and the benchmark."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tfapp.data import Splits

__all__ = ["ReplaySource", "Surge", "news_pool", "rated_pool", "replay"]

_BEGIN: Final = datetime(2026, 3, 2, tzinfo=UTC)


@dataclass(frozen=True)
class ReplaySource:
    """The texts of one source of a replayed stream.

    In quiet times `share` of those that are drawn are negative; `per_window` is the mean of a window's texts.
    """

    source: str
    negative: Sequence[str]
    other: Sequence[str]
    share: float
    per_window: float


@dataclass(frozen=True)
class Surge:
    """A planted surge: for some windows from `start` on, a larger share of a source's texts is negative."""

    source: str
    start: int
    windows: int
    share: float


def rated_pool(
    data: str, load: Callable[[str], Splits], *, share: float, per_window: float, unseen_only: bool = False
) -> ReplaySource:
    """Returns the texts of a data set that is labelled negative, neutral and positive.

    Args:
        data: Its name.
        load: Reads a data set by its name, as `tfapp.load_data` does.
        share: The share of negative texts in quiet times.
        per_window: Texts of a window, in the mean.
        unseen_only: The texts of its test split alone, as a model has learnt from the others.
    """
    splits = load(data)
    tables = (splits.test,) if unseen_only else (splits.train, splits.dev, splits.test)
    rows = [(str(row["text"]), row["label"] == "negative") for table in tables for row in table.to_pylist()]
    negative = [text for text, is_negative in rows if is_negative]
    return ReplaySource(data, negative, [text for text, is_negative in rows if not is_negative], share, per_window)


def news_pool(load: Callable[[str], Splits], *, per_window: float) -> ReplaySource:
    """Returns beginnings of BBC News articles that no model was trained on; they have no sentiment."""
    texts = [" ".join(str(text).split("\n\n")[:2]) for text in load("bbc-news").test["text"].to_pylist()]
    return ReplaySource("bbc-news", texts, texts, 0.0, per_window)


def replay(
    pools: Sequence[ReplaySource], windows: int, surges: Sequence[Surge] = (), *, seed: int = 0
) -> Iterator[dict[str, Any]]:
    """Yields the stream's rows in the order of their times: id, source, time and text; a window is an hour.

    Texts are drawn with replacement, each with an id of its own; how many a window has varies as chance does (Poisson).

    Args:
        pools: The sources.
        windows: How many windows.
        surges: What is planted.
        seed: Another one draws other texts.
    """
    import numpy as np

    draws, counts = random.Random(seed), np.random.default_rng(seed)
    for window in range(windows):
        rows = []
        for pool in pools:
            share = next((surge.share for surge in surges if _is_in_surge(surge, pool.source, window)), pool.share)
            for _ in range(int(counts.poisson(pool.per_window))):
                texts = pool.negative if draws.random() < share else pool.other
                rows.append((_BEGIN + timedelta(hours=window + draws.random()), pool.source, draws.choice(texts)))
        for number, (time, source, text) in enumerate(sorted(rows)):
            yield {"id": f"{window}-{number}", "source": source, "time": time.isoformat(), "text": text}


def _is_in_surge(surge: Surge, source: str, window: int) -> bool:
    return surge.source == source and surge.start <= window < surge.start + surge.windows
