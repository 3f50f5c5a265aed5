"""Prints a run's rows and settings as JSON, for a peer that is to learn from the same."""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import tfapp
from tfapp import assets
from tfapp.config import Experiment
from tfapp.data import load
from tfapp.tasks.registry import find_task

READ: Final = ("text", "query", "candidate", "label")


def main() -> None:
    run = tfapp.open_run(sys.argv[1])
    experiment = run.experiment
    splits = load(experiment.data, schema=find_task(experiment.task).schema)
    rows_by_split = {split: rows(getattr(splits, split)) for split in ("train", "dev", "test")}
    print(json.dumps(rows_by_split | {"labels": splits.labels, "task": experiment.task} | settings(experiment)))


def rows(table: Any) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = table.select([name for name in READ if name in table.column_names]).to_pylist()
    return records


def settings(experiment: Experiment) -> dict[str, Any]:
    training, model = experiment.training, experiment.model
    return {
        "checkpoint": str(assets.pull(model.preset)),
        "max_length": model.max_length,
        "epochs": training.epochs,
        "batch_size": training.batch_size,
        "learning_rate": training.learning_rate,
        "warmup_share": training.warmup_share,
        "weight_decay": training.weight_decay,
    }


if __name__ == "__main__":
    main()
