"""A classifier of texts over a pretrained BERT, which may read long ones in windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfapp.config import ModelSettings
from tfapp.models.classifier import TextClassifier
from tfapp.models.heads import check_positions
from tfapp.tasks.classification.settings import ClassificationModelSettings

__all__ = ["WindowClassifier"]


class WindowClassifier(TextClassifier):
    """`TextClassifier` that averages over the windows of a text that is longer than `model.window`."""

    @classmethod
    def arguments(cls, labels: Sequence[str], settings: ModelSettings) -> dict[str, Any]:
        """Returns the arguments of all classifiers, and the window."""
        return {**super().arguments(labels, settings), "window": _window(settings)}

    @classmethod
    def fit_backbone(cls, backbone: Any, settings: ModelSettings) -> Any:
        """Returns the preset's backbone, which must have positions for a whole text, or for one window of it."""
        window = _window(settings)
        setting = "model.window" if window else "model.max_length"
        check_positions(backbone, window or settings.max_length, setting, windows=True)
        return backbone

    def check_length(self, max_length: int) -> None:
        """Checks that texts of so many tokens can be read.

        Raises:
            ModelError: The backbone has fewer positions, and there is no window.
        """
        if self.window is None:
            check_positions(self.backbone, max_length, "max_length", windows=True)


def _window(settings: ModelSettings) -> int | None:
    """Returns the window; None where it holds whole texts."""
    window = ClassificationModelSettings.of(settings).window
    return window if (window or 0) < settings.max_length else None
