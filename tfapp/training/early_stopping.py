"""Early stopping (Prechelt 1998): which epoch is the best on dev, and whether a better one may still come."""

from __future__ import annotations

import math
from dataclasses import replace

from tfapp.evaluation.base import Evaluation
from tfapp.training.train_state import TrainState

__all__ = ["after_epoch", "is_stopped"]


def after_epoch(
    state: TrainState, dev: Evaluation | None, *, by_loss: bool = False, tolerance: float = 0.0
) -> TrainState:
    """Returns the state after an epoch; its `stale_epochs` is 0 if the epoch is the best.

    Args:
        state: The state before it.
        dev: Its evaluation; None where there is nothing to evaluate on: then the last epoch is the best.
        by_loss: The best epoch is that of the lowest loss; else that of the best score, and of several with the
            same score the one of the lowest loss.
        tolerance: By how many standard errors the score may be lower than the best one (Breiman et al.,
            "Classification and Regression Trees", 1984, section 3.4.3); not by loss.
    """
    next_state = replace(state, epoch=state.epoch + 1, step=0, stale_epochs=state.stale_epochs + 1)
    if dev is None:
        return replace(next_state, stale_epochs=0)
    sign = -1 if dev.lower_is_better else 1
    score, best = sign * dev.main_score, -math.inf if math.isinf(state.best_score) else sign * state.best_score
    top = max(best, sign * state.top_score if state.top_score is not None else -math.inf)
    if by_loss:
        is_better = dev.loss < state.best_loss
    elif tolerance:
        is_better = score >= top - tolerance * dev.standard_error
    else:
        is_better = (score, -dev.loss) > (best, -state.best_loss)
    if tolerance and not math.isnan(score):
        next_state = replace(next_state, top_score=sign * max(top, score))
    best_state = replace(next_state, best_score=dev.main_score, best_loss=dev.loss, stale_epochs=0)
    return best_state if is_better else next_state


def is_stopped(state: TrainState, patience: int | None) -> bool:
    """Returns whether so many epochs in a row were no better than the best one; without patience it never stops."""
    return patience is not None and state.stale_epochs >= patience
