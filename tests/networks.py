"""A toy model of each way in which a network reads its BERT, and rows of tokens for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tests.toy import VOCABULARY
from tfapp.models import BertModel
from tfapp.tasks.models import build_model
from tfapp.tasks.registry import find_task
from tfapp.tasks.tagging.casing_features import CASING_KINDS

LENGTH = 48
# One model of each way in which a network reads its BERT, and of each form of its rows.
MODELS: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "pooler": ("classification", {}, ("a", "b", "c")),
    "mean": ("classification", {"pooling": "mean"}, ("a", "b", "c")),
    "max": ("classification", {"pooling": "max"}, ("a", "b")),
    "pairs": ("pair-classification", {}, ("a", "b")),
    "ranking": ("ranking", {"pooling": "mean"}, ("0", "1")),
    "pairs apart": ("pair-classification", {"pair_encoder": "bi", "pooling": "mean"}, ("a", "b")),
    "ranking apart": ("ranking", {"pair_encoder": "bi", "pooling": "cls"}, ("0", "1")),
    "embedding": ("embedding", {}, ()),
    "embedding of [CLS]": ("embedding", {"pooling": "cls"}, ()),
    "tagging": ("tagging", {}, ("x", "y")),
    "tagging by shapes": ("tagging", {"word_shapes": True, "decoding": "crf"}, ("x", "y")),
    "answering": ("answering", {}, ("yes", "no")),
}


def build(preset: Path, name: str, **settings: Any) -> BertModel:
    task, changes, labels = MODELS[name]
    keras.utils.set_random_seed(7)
    values = {"preset": str(preset), "max_length": LENGTH} | changes | settings
    model = build_model(task, find_task(task).settings.model(**values), labels)
    assert isinstance(model, BertModel)
    # Random weights make much the same of every token; wider ones, and biases, tell them apart.
    for number, weight in enumerate(model.network.trainable_weights):
        noise = keras.random.normal(weight.shape, stddev=0.1, seed=number)
        weight.assign(weight * 6 + noise if weight.name == "kernel" else weight + noise)
    return model


def rows_of(model: BertModel, lengths: list[int], seed: int) -> tf.RaggedTensor:
    """Rows of random tokens, [CLS] ... [SEP], of pairs with a [SEP] inside, of a tagger by shapes with such."""
    random = np.random.default_rng(seed)
    tokenizer = model.preprocessor
    rows = [np.full(length, tokenizer.sep_id, np.int32) for length in lengths]
    for row in rows:
        row[0] = tokenizer.cls_id
        row[1:-1] = random.integers(5, len(VOCABULARY), len(row) - 2)
        row[1:-1] += (
            len(VOCABULARY) * random.integers(0, CASING_KINDS, len(row) - 2) * getattr(model, "word_shapes", False)
        )
        if len(model.inputs) > 1:
            row[random.integers(1, len(row))] = tokenizer.sep_id
    values = np.concatenate([np.zeros(0, np.int32), *rows])
    return tf.RaggedTensor.from_row_lengths(values, np.array(lengths, np.int64))
