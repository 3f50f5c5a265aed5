"""The peer of accuracy.py: Hugging Face's Trainer on the same rows, from the same checkpoint.

    PYTHON accuracy_peer.py TASK.json

prints `{"score": ..., "dev": ..., "seconds": ...}`. It imports nothing of tfapp.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    set_seed,
)


class Rows(torch.utils.data.Dataset):
    """Tokenized texts with their labels' numbers."""

    def __init__(self, rows: list[dict[str, str]], labels: list[str], tokenizer: Any, max_length: int) -> None:
        self._tokens = tokenizer([row["text"] for row in rows], truncation=True, max_length=max_length)
        self._labels = [labels.index(row["label"]) for row in rows]

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, place: int) -> dict[str, Any]:
        return {name: values[place] for name, values in self._tokens.items()} | {"labels": self._labels[place]}


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    set_seed(task["seed"])
    start = time.monotonic()
    tokenizer = AutoTokenizer.from_pretrained(task["checkpoint"])
    sides = {side: Rows(task[side], task["labels"], tokenizer, task["max_length"]) for side in ("train", "dev", "test")}
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=AutoModelForSequenceClassification.from_pretrained(
                task["checkpoint"], num_labels=len(task["labels"])
            ),
            args=arguments(task, folder),
            train_dataset=sides["train"],
            eval_dataset=sides["dev"],
            data_collator=DataCollatorWithPadding(tokenizer),
            compute_metrics=accuracy,
        )
        trainer.train()
        dev, test = (trainer.evaluate(sides[side])["eval_accuracy"] for side in ("dev", "test"))
    print(json.dumps({"score": test, "dev": dev, "seconds": time.monotonic() - start}))


def arguments(task: dict[str, Any], folder: str) -> TrainingArguments:
    return TrainingArguments(
        folder,
        num_train_epochs=task["epochs"],
        per_device_train_batch_size=task["batch_size"],
        per_device_eval_batch_size=64,
        learning_rate=task["learning_rate"],
        warmup_ratio=task["warmup_share"],
        weight_decay=task["weight_decay"],
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="accuracy",
        group_by_length=True,
        use_cpu=True,
        seed=task["seed"],
        report_to=[],
        disable_tqdm=True,
    )


def accuracy(predicted: Any) -> dict[str, float]:
    return {"accuracy": float(np.mean(predicted.predictions.argmax(axis=-1) == predicted.label_ids))}


if __name__ == "__main__":
    main()
