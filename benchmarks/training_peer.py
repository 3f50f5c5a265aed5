"""The peer of training.py: Hugging Face's Trainer, which pads to the longest text of each batch.

    PYTHON training_peer.py TASK.json THREADS PRECISION MODE

PRECISION is float32 or bfloat16, which is Trainer's `bf16`; MODE and the answers are those of training_timers.py. It
imports nothing of tfapp.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import torch
from training_timers import TrainingTimer, make_timer
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)

_EPOCHS = 1000


class TrainingRows(torch.utils.data.Dataset[dict[str, Any]]):
    """A data set of token ids with their labels' numbers."""

    def __init__(self, split: dict[str, Any]) -> None:
        self._rows = [
            {"input_ids": ids, "attention_mask": [1] * len(ids), "token_type_ids": [0] * len(ids), "labels": label}
            for ids, label in zip(split["ids"], split["labels"], strict=True)
        ]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._rows[index]


class CountingCollator:
    """A collator that keeps the batches' numbers of tokens: Trainer makes a batch before the step that takes it."""

    def __init__(self, collator: DataCollatorWithPadding) -> None:
        self._collator = collator
        self.tokens: deque[int] = deque()

    def __call__(self, rows: list[dict[str, Any]]) -> Any:
        self.tokens.append(sum(len(row["input_ids"]) for row in rows))
        return self._collator(rows)


class StepCallback(TrainerCallback):
    """A callback that reports the steps."""

    def __init__(self, timer: TrainingTimer, collator: CountingCollator) -> None:
        self._timer = timer
        self._collator = collator

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        del args, kwargs
        self._timer.start()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        del args, kwargs
        self._timer.step(self._collator.tokens.popleft())


def main() -> None:
    file, threads, precision, mode = sys.argv[1:]
    torch.set_num_threads(int(threads))
    if torch.cuda.is_available():
        # As TensorFlow multiplies float32 on a GPU, by TF32.
        torch.set_float32_matmul_precision("high")
    task = json.loads(Path(file).read_text(encoding="utf-8"))
    set_seed(task["experiment"]["training"]["seed"])
    collator = CountingCollator(DataCollatorWithPadding(AutoTokenizer.from_pretrained(task["checkpoint"])))
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=AutoModelForSequenceClassification.from_pretrained(task["checkpoint"], num_labels=task["labels"]),
            args=arguments(task, folder, precision, mode),
            train_dataset=TrainingRows(task["train"]),
            data_collator=collator,
        )
        timer = make_timer(mode, wait, lambda: accuracy(trainer, TrainingRows(task["dev"]), collator))
        trainer.add_callback(StepCallback(timer, collator))
        trainer.train()
        timer.end()


def arguments(task: dict[str, Any], folder: str, precision: str, mode: str) -> TrainingArguments:
    settings = task["experiment"]["training"]
    return TrainingArguments(
        folder,
        num_train_epochs=_EPOCHS if mode == "turns" else settings["epochs"],
        per_device_train_batch_size=settings["batch_size"],
        per_device_eval_batch_size=64,
        learning_rate=settings["learning_rate"],
        warmup_steps=settings["warmup_share"],
        weight_decay=settings["weight_decay"],
        bf16=precision == "bfloat16",
        save_strategy="no",
        logging_strategy="no",
        use_cpu=not torch.cuda.is_available(),
        seed=settings["seed"],
        report_to=[],
        disable_tqdm=True,
    )


def wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def accuracy(trainer: Trainer, dev: TrainingRows, collator: CountingCollator) -> float:
    counts = list(collator.tokens)
    output = trainer.predict(dev)
    # The collator has counted those of dev, too.
    collator.tokens = deque(counts)
    return float((np.argmax(output.predictions, axis=-1) == output.label_ids).mean())


if __name__ == "__main__":
    main()
