"""A worker of scale.py: a data set of many rows, through all that training does before its first step.

    python scale_data.py MODEL FILE.csv

MODEL is the folder of a saved classifier. The worker answers any line, once, with the seconds and the memory of each
stage: a process has its first peak only once.
"""

from __future__ import annotations

import csv
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from harness import serve_lines
from scale_memory import peak_memory, reset_peak, resident_memory
from scale_texts import WordSample

__all__ = ["LABELS", "STAGES", "write_rows"]

LABELS: Final = 10
STAGES: Final = ("read", "hash", "deduplicate", "split", "fingerprint", "tokenize")
# So many of the rows repeat an earlier one, text and label.
_REPEATED: Final = 0.2
_CHARACTERS: Final = 200


class Stages:
    """The time and memory of each stage, in the order of their first calls.

    Attributes:
        seconds: By stage.
        peaks: Most megabytes of the process by stage.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.peaks: dict[str, float] = {}

    def watch(self, stage: str, step: Callable[..., Any]) -> Callable[..., Any]:
        """Returns the same function, its calls counted to a stage."""

        def watch(*args: Any, **kwargs: Any) -> Any:
            reset_peak()
            start_time = time.perf_counter()
            result = step(*args, **kwargs)
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start_time
            self.peaks[stage] = max(self.peaks.get(stage, 0.0), peak_memory())
            return result

        return watch


def main() -> None:
    model, file = map(Path, sys.argv[1:])
    serve_lines(lambda _: measure(model, file))


def write_rows(file: Path, rows: int, words: WordSample) -> None:
    """Writes a csv file of made texts of about 200 characters, the same each time."""
    chance = random.Random(1)
    earlier: list[tuple[str, str]] = []
    with file.open("w", encoding="utf-8", newline="") as lines:
        table = csv.writer(lines)
        table.writerow(("text", "label"))
        for _ in range(rows):
            if earlier and chance.random() < _REPEATED:
                row = chance.choice(earlier)
            else:
                row = (words.of_characters(_CHARACTERS), f"label {chance.randrange(LABELS)}")
                earlier.append(row)
            table.writerow(row)


def measure(model_folder: Path, file: Path) -> dict[str, Any]:
    from tfapp.config import DataSettings
    from tfapp.data import load
    from tfapp.tasks.models import load_model
    from tfapp.tasks.registry import find_task
    from tfapp.training import tokenize_split

    memory = {"imports": resident_memory()}
    model = load_model(model_folder)
    memory["model"] = resident_memory()
    stages = watch_loading()
    tokenize = stages.watch("tokenize", tokenize_split)
    start_time = time.perf_counter()
    splits = load(DataSettings(train=str(file)), schema=find_task(model.task.name).schema)
    # As in training: the texts stay for the lists of mistakes, those of test are tokenized at the end.
    token_splits = [tokenize(model, table) for table in (splits.train, splits.dev, splits.test)]
    return {
        "seconds": stages.seconds,
        "all_seconds": time.perf_counter() - start_time,
        "peaks": stages.peaks,
        "memory": memory | {"peak": max(stages.peaks.values()), "end": resident_memory()},
        "rows": dict(splits.report.rows),
        "tokens": sum(len(split.texts.ids) for split in token_splits),
        "bytes": file.stat().st_size,
    }


def watch_loading() -> Stages:
    """Lets the parts of `tfapp.data.load` be counted to their stages."""
    from tfapp.data import cleaning, split_loader
    from tfapp.data.cleaning import Rows

    stages = Stages()
    parts = (
        ("read", split_loader, "read_table"),
        ("hash", Rows, "of"),
        ("deduplicate", cleaning, "drop_duplicates"),
        ("split", split_loader, "_split"),
        ("fingerprint", split_loader, "fingerprint_rows"),
    )
    for stage, home, name in parts:
        setattr(home, name, stages.watch(stage, getattr(home, name)))
    return stages


if __name__ == "__main__":
    main()
