"""The worker of training.py for KerasHub: its BERT classifier, compiled and fitted on texts padded to one length.

    python training_keras.py TASK.json THREADS POLICY MODE

POLICY is a Keras dtype policy; MODE and the answers are those of training_timers.py.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from training_timers import TrainingTimer, make_timer

from tfapp.core.tensorflow_import import import_tensorflow

_LENGTH = 128
_EPOCHS = 200


def main() -> None:
    file, threads, policy, mode = sys.argv[1:]
    import_tensorflow()
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(int(threads))
    tf.config.threading.set_inter_op_parallelism_threads(int(threads))
    task = json.loads(Path(file).read_text(encoding="utf-8"))
    settings = task["experiment"]["training"]
    keras.utils.set_random_seed(settings["seed"])
    keras.config.set_dtype_policy(policy)
    # Of turns there are more than will be asked for.
    epochs = _EPOCHS if mode == "turns" else settings["epochs"]
    order = draw_order(len(task["train"]["ids"]), epochs, settings)
    classifier = make_classifier(task, len(order))
    dev, labels = pad_rows(task["dev"]["ids"]), np.array(task["dev"]["labels"])

    def accuracy() -> float:
        answers = classifier.predict(dev, batch_size=settings["batch_size"], verbose=0)
        return float((answers.argmax(axis=-1) == labels).mean())

    timer = make_timer(mode, tf.test.experimental.sync_devices, accuracy)
    lengths = np.array([len(ids) for ids in task["train"]["ids"]])
    classifier.fit(
        batches(task["train"], order), verbose=0, callbacks=[make_callback(timer, lengths[order].sum(axis=1))]
    )
    timer.end()


def draw_order(rows: int, epochs: int, settings: dict[str, Any]) -> np.ndarray:
    """Returns the rows of all steps' batches, int64[S, B]: each epoch in an order of its own, whole batches only."""
    random = np.random.default_rng(settings["seed"])
    size = settings["batch_size"]
    return np.concatenate([random.permutation(rows)[: rows // size * size].reshape(-1, size) for _ in range(epochs)])


def make_classifier(task: dict[str, Any], steps: int) -> Any:
    import keras
    import keras_hub

    settings = task["experiment"]["training"]
    warmup = round(settings["warmup_share"] * steps)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=settings["learning_rate"], warmup_steps=warmup
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=settings["weight_decay"])
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    classifier = keras_hub.models.BertTextClassifier(
        keras_hub.models.BertBackbone.from_preset(task["checkpoint"]), num_classes=task["labels"]
    )
    classifier.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy()],
    )
    return classifier


def batches(split: dict[str, Any], order: np.ndarray) -> Any:
    import tensorflow as tf

    inputs = {name: tf.constant(values) for name, values in pad_rows(split["ids"]).items()}
    labels = tf.constant(split["labels"])

    def batch(rows: Any) -> Any:
        return {name: tf.gather(values, rows) for name, values in inputs.items()}, tf.gather(labels, rows)

    dataset = tf.data.Dataset.from_tensor_slices(order)
    return dataset.map(batch, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def pad_rows(rows: list[list[int]]) -> dict[str, np.ndarray]:
    """Returns what `BertTextClassifierPreprocessor` makes of the texts at `sequence_length` 128."""
    ids = np.zeros((len(rows), _LENGTH), np.int32)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row
    return {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": ids != 0}


def make_callback(timer: TrainingTimer, tokens: np.ndarray) -> Any:
    import keras

    class StepCounter(keras.callbacks.Callback):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self._tokens: Iterator[Any] = iter(tokens)

        def on_train_begin(self, logs: Any = None) -> None:
            del logs
            timer.start()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            del batch, logs
            timer.step(int(next(self._tokens)))

    return StepCounter()


if __name__ == "__main__":
    main()
