"""Files with columns of a pair's texts, and what is proposed for them."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

from tfapp.data import Proposal
from tfapp.tasks.settings_proposal import propose_settings

PAIR_ROWS = 40
PAIR_LABELS = ["same", "other"] * (PAIR_ROWS // 2)
WORDS = [
    "when",
    "will",
    "my",
    "parcel",
    "with",
    "the",
    "blue",
    "lamp",
    "come",
    "back",
    "to",
    "your",
    "shop",
    "in",
    "town",
    "today",
    "please",
]


def pair_texts(seed: int, words: int = 7) -> list[str]:
    pick = random.Random(seed)
    return [" ".join(pick.choices(WORDS, k=words)) for _ in range(PAIR_ROWS)]


def propose_for_pairs(folder: Path, columns: dict[str, list[Any]], **options: Any) -> Proposal:
    with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([list(columns), *zip(*columns.values(), strict=True)])
    return propose_settings(str(folder / "rows.csv"), **options)
