"""A classifier of texts over a pretrained BERT, which may read long ones in windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import tensorflow as tf

from tfapp.config import ModelSettings
from tfapp.models.classifier import TextClassifier
from tfapp.models.heads import check_positions
from tfapp.tasks.classification.settings import ClassificationModelSettings
from tfapp.tasks.classification.windows import mean_of_windows, split_windows

__all__ = ["WindowClassifier"]


class WindowClassifier(TextClassifier):
    """`TextClassifier` that averages over the windows of a text that is longer than `model.window`.

    Args:
        args: As in `TextClassifier`.
        window: Longer texts are read in windows of at most this many tokens; None: whole.
        temperature: Divides the cosines where vectors of texts are compared.
        kwargs: As in `TextClassifier`.
    """

    config_keys = (*TextClassifier.config_keys, "window", "temperature")

    def __init__(self, *args: Any, window: int | None = None, temperature: float = 0.05, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.window = window
        self.temperature = temperature
        self.reads_whole_rows = window is None

    @classmethod
    def arguments(cls, labels: Sequence[str], settings: ModelSettings) -> dict[str, Any]:
        """Returns the arguments of all classifiers, the window, and the temperature of cosines."""
        return super().arguments(labels, settings) | {"window": _window(settings), "temperature": settings.temperature}

    @classmethod
    def fit_backbone(cls, backbone: Any, settings: ModelSettings) -> Any:
        """Returns the preset's backbone, which must have positions for a whole text, or for one window of it."""
        window = _window(settings)
        _check_positions(backbone, window or settings.max_length, "model.window" if window else "model.max_length")
        return backbone

    def check_length(self, max_length: int) -> None:
        """Checks that texts of so many tokens can be read.

        Raises:
            ModelError: The backbone has fewer positions, and there is no window.
        """
        if self.window is None:
            _check_positions(self.backbone, max_length, "max_length")

    def logits(self, ids: tf.RaggedTensor, *, training: bool = False) -> tf.Tensor:
        """Runs the network, on a long text's windows if there are such.

        Args:
            ids: Ragged int32[N, (T)] from the preprocessor; N may be 0.
            training: Whether dropout is on.

        Returns:
            float32[N, K]; the mean over a text's windows.
        """
        return self._over_windows(ids, partial(super().logits, training=training))

    def features(self, ids: tf.RaggedTensor) -> tf.Tensor:
        """Returns the vectors that the head reads.

        Args:
            ids: As in `logits`.

        Returns:
            float32[N, H]; the mean over a text's windows, which the head, being linear, turns into their mean logits.
        """
        return self._over_windows(ids, super().features)

    def _over_windows(self, ids: tf.RaggedTensor, network: Callable[[tf.RaggedTensor], tf.Tensor]) -> tf.Tensor:
        if self.window is None:
            return network(ids)
        windows, owners = split_windows(ids, self.window)
        return mean_of_windows(network(windows), windows, owners, ids.nrows(tf.int32))


def _window(settings: ModelSettings) -> int | None:
    """Returns the window; None where it holds whole texts."""
    window = ClassificationModelSettings.of(settings).window
    return window if (window or 0) < settings.max_length else None


def _check_positions(backbone: Any, length: int, setting: str) -> None:
    window = f"train with a model.window of at most {backbone.max_sequence_length}"
    check_positions(backbone, length, setting, otherwise=window)
