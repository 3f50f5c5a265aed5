"""Tests the replayed stream on a few texts that are handed to it, in place of a data set."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pyarrow as pa

from tfapp.apps.monitor.replay import Surge, news_pool, rated_pool, replay


def load(_data: str) -> Any:
    """Two negative texts, of which one is in the test split, and as many others."""
    table = pa.table({"text": ["broken", "fine"], "label": ["negative", "positive"]})
    test_table = pa.table({"text": ["late", "as usual\n\nto the end\n\nnever shown"], "label": ["negative", "neutral"]})
    return SimpleNamespace(train=table, dev=table.slice(0, 0), test=test_table)


def test_pools_take_their_texts_from_the_data_that_are_loaded() -> None:
    pool = rated_pool("reviews", load, share=0.2, per_window=5)
    assert (pool.source, pool.negative, len(pool.other)) == ("reviews", ["broken", "late"], 2)
    assert rated_pool("reviews", load, share=0.2, per_window=5, unseen_only=True).negative == ["late"]
    assert news_pool(load, per_window=5).other == ["late", "as usual to the end"]


def test_a_surge_makes_its_windows_negative_and_no_others() -> None:
    quiet = rated_pool("reviews", load, share=0.0, per_window=20)
    rows = list(replay([quiet], 3, [Surge("reviews", start=1, windows=1, share=1.0)], seed=1))
    negative = {row["id"].split("-")[0] for row in rows if row["text"] in quiet.negative}
    other_windows = {row["id"].split("-")[0] for row in rows if row["text"] in quiet.other}
    assert (negative, other_windows) == ({"1"}, {"0", "2"})
    assert rows == sorted(rows, key=lambda row: row["time"])
