"""Measures how well a classifier says that a text belongs to none of its labels, on Banking77 without some intents.

    python benchmarks/unknown_intents.py --data DIR --output unknown.json

Every fourth intent is left out of train and dev, and is `unknown` in test. The settings are those of
accuracy/banking77.toml. Each seed, of the split too, is trained twice: from known intents alone, where the limit lets
5 % of dev be refused, and with half of the missing intents as examples of what is unknown; test then asks for the
other half only.
DIR holds `banking77/{train,test}.csv`.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Final

from accuracy import SETTINGS
from accuracy import tfapp as command
from harness import environment, write_report
from inference_report import print_table

from tfapp import open_run

FIGURES: Final = ("in_scope_accuracy", "in_scope_unknown", "out_of_scope_recall")
UNKNOWN: Final = "unknown"
ONE_IN: Final = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="further settings")
    parser.add_argument("--output", type=Path, help="write the figures as JSON")
    options = parser.parse_args()
    results: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seeds):
            for name, examples in (("known intents alone", False), ("with examples of others", True)):
                write_splits(options.data / "banking77", Path(folder), examples=examples)
                results.setdefault(name, []).append(train(Path(folder), seed, options.set))
                print(f"{name}, seed {seed}: {results[name][-1]}", file=sys.stderr)
    print_table(
        ("learnt from", *FIGURES),
        [
            (name, *(f"{100 * statistics.mean(one[figure] for one in runs):.1f}" for figure in FIGURES))
            for name, runs in results.items()
        ],
    )
    if options.output:
        write_report(options.output, {"runs": results, "environment": environment("tensorflow", "keras-hub", "tfapp")})


def write_splits(source: Path, folder: Path, *, examples: bool) -> None:
    """Writes `train.csv` and `test.csv`, the missing intents as unknown ones."""
    rows_by_split = {split: read(source / f"{split}.csv") for split in ("train", "test")}
    intents = sorted({row["category"] for row in rows_by_split["train"]})
    missing = intents[::ONE_IN]
    train_unknown = set(missing[::2]) if examples else set()
    test_unknown = set(missing) - train_unknown
    for split, unknown in (("train", train_unknown), ("test", test_unknown)):
        known_intents = set(intents) - set(missing)
        with (folder / f"{split}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("text", "category"))
            for row in rows_by_split[split]:
                if row["category"] in known_intents | unknown:
                    writer.writerow((row["text"], UNKNOWN if row["category"] in unknown else row["category"]))


def read(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def train(folder: Path, seed: int, settings: list[str]) -> dict[str, float]:
    files = [f"data.{split}={folder / split}.csv" for split in ("train", "test")]
    # An output layer that is fitted exactly depends on the split alone.
    seeds = [f"{one}={seed}" for one in ("training.seed", "data.split_seed")]
    changes = [*files, f"data.unknown_label={UNKNOWN}", *seeds, *settings]
    arguments = [f"--runs={folder}", "--json", *(f"--set={one}" for one in changes)]
    end = command(folder, "train", str(SETTINGS / "banking77.toml"), *arguments)[-1]
    scope = open_run(end["run"]).evaluation.scope()
    return {figure: scope[figure] for figure in FIGURES}


if __name__ == "__main__":
    main()
