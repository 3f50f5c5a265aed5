"""How far a training is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

from tfapp.evaluation.base import Evaluation

__all__ = ["TrainState"]


@dataclass(frozen=True)
class TrainState:
    """How far a training is; the part of a checkpoint that is no variable.

    Attributes:
        epoch: Epochs finished.
        step: Steps done of the epoch under way.
        best_score: Dev score of the best epoch so far; minus infinity before there is one.
        best_loss: Its dev loss.
        stale_epochs: Epochs since then.
    """

    epoch: int = 0
    step: int = 0
    best_score: float = -math.inf
    best_loss: float = math.inf
    stale_epochs: int = 0

    def after_epoch(self, dev: Evaluation | None, *, by_loss: bool = False) -> Self:
        """Returns the state after an epoch; its `stale_epochs` is 0 if the epoch is the best.

        Args:
            dev: Its evaluation; None where there is nothing to evaluate on: then the last epoch is the best.
            by_loss: The best epoch is that of the lowest loss; else that of the best score, and of several with the
                same score the one of the lowest loss.
        """
        done = replace(self, epoch=self.epoch + 1, step=0, stale_epochs=self.stale_epochs + 1)
        if dev is None:
            return replace(done, stale_epochs=0)
        sign = -1 if dev.lower_is_better else 1
        best = -math.inf if math.isinf(self.best_score) else sign * self.best_score
        by_score = (sign * dev.main_score, -dev.loss) > (best, -self.best_loss)
        if dev.loss < self.best_loss if by_loss else by_score:
            return replace(done, best_score=dev.main_score, best_loss=dev.loss, stale_epochs=0)
        return done
