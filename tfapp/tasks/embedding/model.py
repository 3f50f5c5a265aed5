"""The embedding of texts, as the task learns it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfapp.config import ModelSettings
from tfapp.models import Embedder
from tfapp.tasks.embedding.settings import EmbeddingModelSettings

__all__ = ["TextEmbedder"]


class TextEmbedder(Embedder):
    """An `Embedder` whose loss may count both directions of a pair."""

    @classmethod
    def arguments(cls, labels: Sequence[str], settings: ModelSettings) -> dict[str, Any]:
        """Returns the pooling and the loss's settings."""
        return super().arguments(labels, settings) | {"symmetric": EmbeddingModelSettings.of(settings).symmetric}
