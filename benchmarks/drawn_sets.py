"""Draws small training sets by a seed: few texts, few labels, or labels of unequal frequency.

    python benchmarks/drawn_sets.py --data DIR --to FOLDER

writes FOLDER/NAME-train.csv and FOLDER/NAME-test.csv for each, and prints the two as `accuracy.py --default` takes
them. DIR holds `banking77/{train,test}.csv` and `sst2/train.tsv`; the editorials are tfapp's. No text of a test file is
in the training file beside it; those of Banking77 are of its own test file.
"""

from __future__ import annotations

import argparse
import csv
import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

__all__ = ["SETS", "LabelledRows", "write_set"]

LabelledRows: TypeAlias = list[tuple[str, str]]
DrawnSet: TypeAlias = tuple[LabelledRows, LabelledRows]

TEST_ROWS: Final = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    options = parser.parse_args()
    for name in options.sets:
        print("=".join(map(str, write_set(name, options.data, options.to))))


def write_set(name: str, data: Path, folder: Path) -> tuple[Path, Path]:
    """Writes a set's train and test file, the same in every call, and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    train, test = folder / f"{name}-train.csv", folder / f"{name}-test.csv"
    for file, rows in zip((train, test), SETS[name](data, random.Random(name)), strict=True):
        with file.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([("text", "label"), *rows])
    return train, test


def intents_of_banking77(data: Path, source: random.Random, *, texts: Sequence[int]) -> DrawnSet:
    """Draws as many intents as there are numbers, and of each intent's texts so many, or all."""
    train, test = (read_rows(data / "banking77" / f"{split}.csv") for split in ("train", "test"))
    intents = source.sample(sorted({intent for _, intent in train}), len(texts))
    drawn_rows, _ = draw(train, dict(zip(intents, texts, strict=True)), source)
    return drawn_rows, [row for row in test if row[1] in intents]


def editorials(data: Path, source: random.Random, *, texts: int) -> DrawnSet:
    import tfapp

    del data
    splits = tfapp.load_data("editorials")
    tables = (splits.train, splits.dev, splits.test)
    records = [row for table in tables for row in table.select(["text", "label"]).to_pylist()]
    rows = sorted((row["text"], row["label"]) for row in records)
    source.shuffle(rows)
    return rows[:texts], rows[texts : texts + TEST_ROWS]


def sst2(data: Path, source: random.Random, *, texts: Mapping[str, int]) -> DrawnSet:
    """Draws so many sentences of each label for train, and as many for test."""
    names = {"0": "negative", "1": "positive"}
    rows = [(text, names[label]) for text, label in read_rows(data / "sst2" / "train.tsv")]
    train, others = draw(sorted(set(rows)), texts, source)
    return train, draw(others, texts, source)[0]


def draw(rows: LabelledRows, counts: Mapping[str, int], source: random.Random) -> DrawnSet:
    """Returns so many rows of each label, in random order, and the others."""
    counts_left = dict(counts)
    drawn_rows, others = [], []
    for row in source.sample(rows, len(rows)):
        if counts_left.get(row[1], 0):
            counts_left[row[1]] -= 1
            drawn_rows.append(row)
        else:
            others.append(row)
    return drawn_rows, others


def read_rows(file: Path) -> LabelledRows:
    """Reads the texts and labels of a csv file with a header, or of a tsv file without one."""
    with file.open(encoding="utf-8", newline="") as stream:
        if file.suffix == ".csv":
            return [(text, label) for text, label in list(csv.reader(stream))[1:]]
        return [tuple(line.rstrip("\r\n").rsplit("\t", 1)) for line in stream]  # type: ignore[misc]


SETS: Final[Mapping[str, Callable[[Path, random.Random], DrawnSet]]] = {
    "banking77-25-intents": partial(intents_of_banking77, texts=[10] * 25),
    "editorials-200": partial(editorials, texts=200),
    "banking77-imbalanced": partial(intents_of_banking77, texts=[5 + 55 * place // 19 for place in range(20)]),
    "banking77-3-intents": partial(intents_of_banking77, texts=[200] * 3),
    "sst2-imbalanced": partial(sst2, texts={"positive": 900, "negative": 100}),
}
"""Draws train and test of a set, by its name."""


if __name__ == "__main__":
    main()
