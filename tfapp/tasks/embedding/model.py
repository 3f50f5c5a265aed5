"""The embedding of texts, as the task learns it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

import tensorflow as tf

from tfapp.config import ModelSettings
from tfapp.core.rows import Row
from tfapp.models import Embedder
from tfapp.models.base import EncodedRows
from tfapp.models.contrast import pair_losses
from tfapp.tasks.embedding.settings import EmbeddingModelSettings

__all__ = ["TEXT_COLUMNS", "TextEmbedder", "symmetric_losses"]

TEXT_COLUMNS: Final = ("query", "candidate", "negative")
"""The columns of texts that it learns from; the last may be missing."""


class TextEmbedder(Embedder):
    """An `Embedder` that learns from pairs of texts, whose loss may count both directions of a pair.

    Args:
        args: As in `Embedder`.
        symmetric: Each candidate must find its query, too.
        kwargs: As in `Embedder`.
    """

    config_keys = (*Embedder.config_keys, "symmetric")

    def __init__(self, *args: Any, symmetric: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.symmetric = symmetric

    @classmethod
    def arguments(cls, labels: Sequence[str], settings: ModelSettings) -> dict[str, Any]:
        """Returns the pooling and the loss's settings."""
        return super().arguments(labels, settings) | {"symmetric": EmbeddingModelSettings.of(settings).symmetric}

    def rows(self, columns: Mapping[str, Sequence[Any]]) -> list[Row]:
        """Returns the texts of all rows, each for itself."""
        return list(chain(*(columns[name] for name in TEXT_COLUMNS if name in columns)))

    def encode(self, columns: Mapping[str, Sequence[Any]]) -> EncodedRows:
        """Tokenizes rows of texts; see `encode_texts`.

        Args:
            columns: `query`, `candidate` and, if there is such a column, `negative`, N texts each; an empty negative is
                none.
        """
        return self.encode_texts([columns[name] for name in TEXT_COLUMNS if name in columns])

    def loss(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Returns each row's loss of telling its candidate from the batch's others, float32[N], one way or both."""
        losses = symmetric_losses if self.symmetric else pair_losses
        return losses(logits, targets, self.temperature)


def symmetric_losses(vectors: tf.Tensor, codes: tf.Tensor, temperature: float) -> tf.Tensor:
    """Returns the mean of `pair_losses` and of each candidate's loss of telling its query from the others, float32[N].

    A candidate looks for its query among queries alone.
    """
    candidates_first = [1, 0]
    back_vectors, back_codes = (tf.gather(values, candidates_first, axis=1) for values in (vectors, codes))
    return (pair_losses(vectors, codes, temperature) + pair_losses(back_vectors, back_codes, temperature)) / 2
