"""The progress of a training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from tfapp_client.former_names import FormerNames

__all__ = ["TrainState"]


@dataclass(frozen=True)
class TrainState(FormerNames):
    """The progress of a training: the part of a checkpoint that is no variable.

    Attributes:
        epoch: Epochs finished.
        step: Steps done of the epoch under way.
        best_score: Dev score of the epoch whose weights are kept; minus infinity before there is one.
        best_loss: Its dev loss.
        stale_epochs: Epochs since then.
        top_score: The best dev score of all epochs, which a later epoch that is kept may miss by the tolerance; None:
            `best_score`.
        cut: How far the training came by the end of its time, as in "12 of 40 steps"; empty: to its own end.
    """

    former_names: ClassVar[Mapping[str, str]] = {"after_epoch": "tfapp.training.early_stopping.after_epoch"}

    epoch: int = 0
    step: int = 0
    best_score: float = -math.inf
    best_loss: float = math.inf
    stale_epochs: int = 0
    top_score: float | None = None
    cut: str = ""
