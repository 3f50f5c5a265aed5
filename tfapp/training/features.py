"""Computes the vectors of texts by a frozen backbone once: over all replicas, kept so that a killed run goes on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfapp.core.files import replacing
from tfapp.core.shared_arrays import SharedArrays
from tfapp.errors import TrainingError
from tfapp.models import BertModel, TaskModel
from tfapp.training.parallel_shards import map_shards
from tfapp.training.precision import StepPrecision
from tfapp.training.steps import distribute
from tfapp.training.tokenized_split import TokenizedSplit

__all__ = ["FeatureReader", "FeatureStore", "feature_scale", "share_features"]


def feature_scale(features: np.ndarray) -> float:
    """Returns the root mean square length of features float[N, H]; 1 where all are 0."""
    return float(np.sqrt(np.mean(np.sum(np.square(features, dtype=np.float64), axis=1)))) or 1.0


def share_features(
    shared: SharedArrays | None,
    model: TaskModel,
    split: TokenizedSplit,
    read: Callable[[], np.ndarray],
    *,
    precision: StepPrecision,
    batch_size: int,
) -> np.ndarray:
    """Returns the features of a split, which other processes with the same weights may have read.

    Args:
        shared: Where they are kept; None: nowhere, so they are read.
        model: Whose head reads them; a `BertModel`, else they are not shared.
        split: N texts.
        read: Reads them, float32[N, H].
        precision: How they are computed, which changes their last digits, as the next one does.
        batch_size: Texts a step.
    """
    if shared is None or not isinstance(model, BertModel):
        return read()
    # Of its own settings, dropout alone changes nothing of what is read.
    config = {name: value for name, value in model.own_config().items() if name != "dropout"}
    head = {id(weight) for weight in model.head.weights}
    weights = (np.asarray(weight).tobytes() for weight in model.network.weights if id(weight) not in head)
    settings = f"{type(model).__qualname__} {config} {precision} {batch_size} {tf.__version__} {_devices()}"
    texts = (split.texts.ids.tobytes(), split.texts.splits.tobytes())
    (features,) = shared.get("vectors", itertools.chain([settings], texts, weights), lambda: (read(),))
    return features


def _devices() -> list[str]:
    return sorted(device.device_type for device in tf.config.list_physical_devices())


@dataclass(frozen=True)
class FeatureStore:
    """The features read so far, in files that appear one after another; each is complete or missing.

    Attributes:
        folder: Made when first written to.
    """

    folder: Path

    def load(self) -> list[np.ndarray]:
        """Returns the arrays that were added, in order.

        Raises:
            TrainingError: A file is damaged.
        """
        files = itertools.takewhile(Path.exists, map(self._file, itertools.count()))
        features: list[np.ndarray] = []
        for file in files:
            try:
                features.append(np.load(file, allow_pickle=False))
            except (OSError, ValueError, EOFError) as error:
                raise TrainingError(
                    f"{file}: the kept features cannot be read; start a new run without --resume"
                ) from error
        return features

    def add(self, number: int, features: np.ndarray) -> None:
        """Keeps the features that follow after `number` earlier calls."""
        self.folder.mkdir(exist_ok=True)
        with replacing(self._file(number)) as draft:
            np.save(draft, features)

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npy"


class FeatureReader:
    """Reads texts with a model's frozen backbone.

    Args:
        model: Has a `head`.
        strategy: What the reading runs under; its replicas divide the batch size.
        batch_size: Texts a step, over all replicas together.
        mix: Read short and long texts in turn, not the shortest first: where the reading may be ended early.
    """

    def __init__(
        self, model: TaskModel, strategy: tf.distribute.Strategy, batch_size: int, *, mix: bool = False
    ) -> None:
        self._width = int(model.head.kernel.shape[0])
        self._strategy = strategy
        self._batch_size = batch_size
        self._mixed = mix
        self._step = _make_step(model, strategy)

    def steps(self, split: TokenizedSplit) -> int:
        """Returns how many steps it takes to read a split."""
        return math.ceil(len(split.texts) / self._batch_size)

    def read(
        self,
        split: TokenizedSplit,
        *,
        earlier: list[np.ndarray],
        scope: Callable[[], AbstractContextManager[None]],
        on_step: Callable[[list[np.ndarray]], None],
        stop: Callable[[], bool] = lambda: False,
    ) -> np.ndarray:
        """Reads one split of the data.

        Args:
            split: N texts.
            earlier: The features of the first batches, if they were read before.
            scope: Makes a context that each step runs in.
            on_step: Called with the features that were read since `earlier`, one array a step.
            stop: Says after a step whether the reading ends; `read_rows` says which texts were read by then.

        Returns:
            float32[N, H], in the order of the split's texts; 0 of those that were not read.
        """
        rows = self._rows(split)
        start = sum(map(len, earlier)) // self._batch_size
        weights = np.ones(rows.shape, np.float32)
        new_features: list[np.ndarray] = []
        for batch in distribute(self._strategy, split.texts, split.targets, rows[start:], weights[start:]):
            with scope():
                new_features.append(self._step(batch).numpy())
            on_step(new_features)
            if stop():
                break
        features = np.zeros((len(split.texts), self._width), np.float32)
        if len(rows):
            features[rows.reshape(-1)[: sum(map(len, earlier)) + sum(map(len, new_features))]] = np.concatenate(
                [*earlier, *new_features]
            )
        return features

    def read_rows(self, split: TokenizedSplit, steps: int) -> np.ndarray:
        """Returns the numbers of the texts that are read by the first steps, int64[M], ascending."""
        return np.unique(self._rows(split)[:steps])

    def _rows(self, split: TokenizedSplit) -> np.ndarray:
        """Returns the rows of each step, int64[S, B]: shortest texts first, the first step topped up with the first."""
        order = np.argsort(split.texts.lengths, kind="stable")
        gap = -len(order) % self._batch_size
        batches = np.concatenate([np.repeat(order[:1], gap), order]).reshape(-1, self._batch_size)
        return np.random.default_rng(0).permutation(batches) if self._mixed else batches


def _make_step(model: TaskModel, strategy: tf.distribute.Strategy) -> Callable[[Any], tf.Tensor]:
    def replica_step(ids: tf.RaggedTensor, *_: tf.Tensor) -> tf.Tensor:
        return map_shards(model.shards, model.features, ids)

    @tf.function(reduce_retracing=True, autograph=False)
    def step(batch: Any) -> tf.Tensor:
        features = strategy.run(replica_step, args=batch)
        replica_features = strategy.experimental_local_results(features)
        # A gather is for what other workers read.
        if len(replica_features) == strategy.num_replicas_in_sync:
            return tf.concat(replica_features, axis=0)
        return strategy.gather(features, axis=0)

    return step
