"""A peer of `accuracy.py --default`: SetFit with its defaults on the same rows, from the same checkpoint.

    PYTHON accuracy_setfit.py TASK.json

prints `{"steps": ..., "score": ..., "seconds": ...}`: the share of right labels. SetFit learns from all pairs of texts,
as many of one label as of two. Where that takes more than the task's `most_steps`, `score` and `seconds` are left out.
It imports nothing of tfapp.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from datasets import Dataset
from setfit import SetFitModel, Trainer, TrainingArguments


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    rows = [*task["train"], *task["dev"]]
    steps = count_steps([row["label"] for row in rows], TrainingArguments().batch_size[0])
    if steps > task["most_steps"]:
        print(json.dumps({"steps": steps}))
        return
    start = time.monotonic()
    # Without modules of its own, SetFit reads a checkpoint by the mean of its vectors.
    model = SetFitModel.from_pretrained(task["checkpoint"], labels=task["labels"])
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=model,
            args=TrainingArguments(output_dir=folder, seed=task["seed"], report_to="none", save_strategy="no"),
            train_dataset=Dataset.from_dict({name: [row[name] for row in rows] for name in ("text", "label")}),
        )
        trainer.train()
    answers = model.predict([row["text"] for row in task["test"]])
    score = float(np.mean(np.asarray(answers) == np.array([row["label"] for row in task["test"]])))
    print(json.dumps({"steps": steps, "score": score, "seconds": time.monotonic() - start}))


def count_steps(labels: list[str], batch_size: int) -> int:
    """Returns the steps of one epoch: the pairs of one label and those of two, the fewer ones repeated."""
    positive_count = sum(count * (count + 1) // 2 for count in Counter(labels).values())
    pairs = len(labels) * (len(labels) + 1) // 2
    return -(-2 * max(positive_count, pairs - positive_count) // batch_size)


if __name__ == "__main__":
    main()
