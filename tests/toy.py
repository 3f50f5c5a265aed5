"""Toy presets, texts and experiments: everything a test needs to train in seconds without a download."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

TOPICS = {
    "sport": ["ball", "goal", "team", "match", "win", "coach"],
    "tech": ["chip", "phone", "code", "web", "data", "screen"],
    "money": ["bank", "price", "stock", "tax", "trade", "profit"],
}
FILLERS = ["the", "a", "new", "old", "big", "small", "today", "report", "says", "more"]
VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *sorted({word for words in TOPICS.values() for word in words} | set(FILLERS)),
    *(chr(code) for code in range(ord("a"), ord("z") + 1) if chr(code) != "a"),
    *(f"##{chr(code)}" for code in range(ord("a"), ord("z") + 1)),
    *("0", "1", "2", "3", ".", ",", "!", "?"),
]


def toy_text(topic: str, index: int) -> str:
    """A text that only its topic's words tell apart, different for every index."""
    words = TOPICS[topic]
    picks = [words[(index * 7 + i * 3) % len(words)] for i in range(2 + index % 3)]
    fill = [FILLERS[(index * 3 + i * 7) % len(FILLERS)] for i in range(2 + index % 5)]
    number = " ".join(str(index % 4) if i == 0 else str((index // 4**i) % 4) for i in range(4))
    return " ".join([fill[0], picks[0], *fill[1:], *picks[1:], number])


def toy_rows(count: int = 240) -> list[dict[str, str]]:
    """Rows of text and label, topics in turn."""
    topics = sorted(TOPICS)
    return [{"text": toy_text(topics[i % 3], i), "label": topics[i % 3]} for i in range(count)]


def write_toy_preset(folder: Path, *, dropout: float = 0.1, max_sequence_length: int = 64, layers: int = 2) -> Path:
    """Saves a KerasHub BERT of width 32 with random weights."""
    import tfapp.models  # noqa: F401, I001  quiet TensorFlow first
    import keras
    import keras_hub

    keras.utils.set_random_seed(1)
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=len(VOCABULARY),
        num_layers=layers,
        num_heads=2,
        hidden_dim=32,
        intermediate_dim=64,
        max_sequence_length=max_sequence_length,
        dropout=dropout,
    )
    backbone.save_to_preset(str(folder))
    keras_hub.models.BertTokenizer(VOCABULARY, lowercase=True).save_to_preset(str(folder))
    return folder


def toy_experiment(preset: Path, data: Path, **sections: Mapping[str, Any]) -> dict[str, Any]:
    """The values of an experiment that learns the toy topics in seconds."""
    values: dict[str, dict[str, Any]] = {
        "data": {"train": str(data)},
        "model": {"preset": str(preset), "max_length": 32, "pooling": "mean"},
        "training": {"epochs": 2, "batch_size": 8, "learning_rate": 5e-3, "checkpoint_steps": 5, "log_steps": 5},
        "export": {"warmup_requests": 2},
    }
    for name, changes in sections.items():
        values[name] |= changes
    return {"name": "toy", **values}
