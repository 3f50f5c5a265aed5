"""The peer of accuracy.py: Hugging Face's Trainer on the same rows, from the same checkpoint.

    PYTHON accuracy_peer.py TASK.json

prints `{"score": ..., "dev": ..., "seconds": ...}`: the share of right labels or, of tagging, the F1 of entities. It
imports nothing of tfapp.
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
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    set_seed,
)

# As the loss wants it: of tokens that have no tag.
NO_TAG = -100


class TokenizedRows(torch.utils.data.Dataset):
    """A data set of tokenized texts with a label each, or a tag for each token."""

    def __init__(self, tokens: Any, labels: list[Any]) -> None:
        self._tokens = tokens
        self._labels = labels

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {name: values[index] for name, values in self._tokens.items()} | {"labels": self._labels[index]}


class ClassificationPeer:
    """The task of texts and their labels."""

    model = AutoModelForSequenceClassification
    collator = DataCollatorWithPadding
    metric = "accuracy"

    def __init__(self, labels: list[str]) -> None:
        self.labels = labels

    def rows(self, rows: list[dict[str, Any]], tokenizer: Any, max_length: int) -> TokenizedRows:
        tokens = tokenizer([row["text"] for row in rows], truncation=True, max_length=max_length)
        return TokenizedRows(tokens, [self.labels.index(row["label"]) for row in rows])

    def measure(self, output: Any) -> dict[str, float]:
        return {self.metric: float(np.mean(output.predictions.argmax(axis=-1) == output.label_ids))}


class TaggingPeer:
    """The task of words (split at spaces) and IOB2 tags, on first tokens as in Hugging Face's run_ner.py."""

    model = AutoModelForTokenClassification
    collator = DataCollatorForTokenClassification
    metric = "f1"

    def __init__(self, types: list[str]) -> None:
        self.labels = ["O", *(f"{prefix}-{name}" for name in types for prefix in "BI")]

    def rows(self, rows: list[dict[str, Any]], tokenizer: Any, max_length: int) -> TokenizedRows:
        words = [row["text"].split(" ") for row in rows]
        tokens = tokenizer(words, is_split_into_words=True, truncation=True, max_length=max_length)
        tags = [self._tags(row) for row in rows]
        return TokenizedRows(tokens, [first_tokens(tokens.word_ids(index), row) for index, row in enumerate(tags)])

    def _tags(self, row: dict[str, Any]) -> list[int]:
        tags, start = [], 0
        for word in row["text"].split(" "):
            span = next((entity for entity in row["label"] if entity["start"] <= start < entity["end"]), None)
            prefix = "B" if span and span["start"] == start else "I"
            tags.append(self.labels.index(f"{prefix}-{span['label']}") if span else 0)
            start += len(word) + 1
        return tags

    def measure(self, output: Any) -> dict[str, float]:
        pairs = zip(output.predictions.argmax(axis=-1), output.label_ids, strict=True)
        entities = [[self._entities(tags[truth != NO_TAG]) for tags in (ours, truth)] for ours, truth in pairs]
        right, ours, truth = (
            sum(map(len, column)) for column in zip(*((a & b, a, b) for a, b in entities), strict=True)
        )
        return {self.metric: 2 * right / max(ours + truth, 1)}

    def _entities(self, tags: np.ndarray) -> set[tuple[str, int, int]]:
        """Returns type, first and last word of each; an I without a beginning begins one, as seqeval reads it."""
        entities, open_entity = set(), None
        for index, tag in enumerate([*(self.labels[tag] for tag in tags), "O"]):
            prefix, _, name = tag.partition("-")
            if open_entity and (prefix != "I" or name != open_entity[0]):
                entities.add((*open_entity, index - 1))
                open_entity = None
            if prefix != "O" and not open_entity:
                open_entity = (name, index)
        return entities


def first_tokens(words: list[int | None], tags: list[int]) -> list[int]:
    previous_words = [None, *words[:-1]]
    return [
        NO_TAG if word is None or word == last else tags[word] for word, last in zip(words, previous_words, strict=True)
    ]


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    set_seed(task["seed"])
    start = time.monotonic()
    kind = (TaggingPeer if task["task"] == "tagging" else ClassificationPeer)(task["labels"])
    tokenizer = AutoTokenizer.from_pretrained(task["checkpoint"])
    splits = {split: kind.rows(task[split], tokenizer, task["max_length"]) for split in ("train", "dev", "test")}
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=kind.model.from_pretrained(task["checkpoint"], num_labels=len(kind.labels)),
            args=arguments(task, folder, kind.metric),
            train_dataset=splits["train"],
            eval_dataset=splits["dev"],
            data_collator=kind.collator(tokenizer),
            compute_metrics=kind.measure,
        )
        trainer.train()
        dev, test = (trainer.evaluate(splits[split])[f"eval_{kind.metric}"] for split in ("dev", "test"))
    print(json.dumps({"score": test, "dev": dev, "seconds": time.monotonic() - start}))


def arguments(task: dict[str, Any], folder: str, metric: str) -> TrainingArguments:
    return TrainingArguments(
        folder,
        num_train_epochs=task["epochs"],
        per_device_train_batch_size=task["batch_size"],
        per_device_eval_batch_size=64,
        learning_rate=task["learning_rate"],
        warmup_steps=task["warmup_share"],
        weight_decay=task["weight_decay"],
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model=metric,
        train_sampling_strategy="group_by_length",
        use_cpu=True,
        seed=task["seed"],
        report_to=[],
        disable_tqdm=True,
    )


if __name__ == "__main__":
    main()
