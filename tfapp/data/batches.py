"""Tokenized texts in batches of similar length, so that little of a batch is padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tfapp.core.datasets import without_autotune

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["TokenizedTexts", "epoch_batches", "inference_batches", "inference_dataset", "training_dataset"]

# Texts are shuffled, then sorted by length within pools of this many batches: long enough for little padding,
# short enough that a text's neighbours differ from epoch to epoch.
_POOL_BATCHES = 64


@dataclass(frozen=True)
class TokenizedTexts:
    """N tokenized texts, one after another.

    Attributes:
        ids: int32[sum of lengths].
        splits: int64[N + 1]; text i is `ids[splits[i]:splits[i + 1]]`.
    """

    ids: np.ndarray
    splits: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Returns the texts' lengths in tokens, int64[N]."""
        return np.diff(self.splits)

    def __len__(self) -> int:
        return len(self.splits) - 1

    def take(self, rows: np.ndarray) -> TokenizedTexts:
        """Returns some of the texts, by number, in the order given."""
        lengths = self.lengths[rows]
        splits = np.concatenate([[0], np.cumsum(lengths)])
        positions = np.repeat(self.splits[:-1][rows] - splits[:-1], lengths) + np.arange(splits[-1])
        return TokenizedTexts(self.ids[positions], splits)


def epoch_batches(lengths: np.ndarray, batch_size: int, *, seed: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the batches of one epoch, counted from 0; the same arguments give the same batches.

    Args:
        lengths: int[N], the texts' lengths in tokens.
        batch_size: B, texts a batch.
        seed: Of the experiment.
        epoch: Counted from 0.

    Returns:
        Text numbers int64[S, B], and weights float32[S, B]: 0 where a whole batch needed topping up with a text of
        another batch, else 1.
    """
    random = np.random.default_rng([seed, epoch])
    gap = -len(lengths) % batch_size
    # -1 is a position to be topped up. It sorts first: beside the shortest texts, a copy of the shortest costs least.
    order = np.concatenate([np.full(gap, -1), random.permutation(len(lengths))])
    keys = np.where(order < 0, -1, lengths[order])
    pool = batch_size * _POOL_BATCHES
    for start in range(0, len(order), pool):
        part = slice(start, start + pool)
        order[part] = order[part][np.argsort(keys[part], kind="stable")]
    weights = (order >= 0).astype(np.float32)
    order[:gap] = order[gap]
    batch_order = random.permutation(len(order) // batch_size)
    return order.reshape(-1, batch_size)[batch_order], weights.reshape(-1, batch_size)[batch_order]


def training_dataset(texts: TokenizedTexts, targets: Any, rows: np.ndarray, weights: np.ndarray) -> tf.data.Dataset:
    """Returns the batches of a training as a tf.data pipeline.

    Args:
        texts: N texts.
        targets: [N, ...], what the loss compares with, or a tuple of such arrays.
        rows: int64[S, B], from `epoch_batches`.
        weights: float32[S, B], likewise.

    Returns:
        S elements `(ids ragged int32[B, (T)], targets [B, ...], weights float32[B])`.
    """
    import tensorflow as tf

    ids = tf.RaggedTensor.from_row_splits(texts.ids, texts.splits)
    answers = tf.nest.map_structure(tf.constant, targets)

    def batch(numbers: tf.Tensor, weight: tf.Tensor) -> tuple[tf.RaggedTensor, Any, tf.Tensor]:
        return (
            tf.gather(ids, numbers),
            tf.nest.map_structure(lambda values: tf.gather(values, numbers), answers),
            weight,
        )

    dataset = tf.data.Dataset.from_tensor_slices((rows, weights))
    return without_autotune(dataset.map(batch, num_parallel_calls=2, deterministic=True).prefetch(2))


def inference_batches(lengths: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Returns text numbers in batches, shortest texts first; every text once."""
    order = np.argsort(lengths, kind="stable")
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def inference_dataset(texts: TokenizedTexts, batches: list[np.ndarray]) -> tf.data.Dataset:
    """Returns the batches of `inference_batches` as ragged int32[B, (T)] elements."""
    import tensorflow as tf

    ids = tf.RaggedTensor.from_row_splits(texts.ids, texts.splits)
    numbers = tf.ragged.constant([batch.tolist() for batch in batches], tf.int64)
    dataset = tf.data.Dataset.from_tensor_slices(numbers)
    dataset = dataset.map(lambda batch: tf.gather(ids, batch), num_parallel_calls=2, deterministic=True)
    return without_autotune(dataset.prefetch(2))
