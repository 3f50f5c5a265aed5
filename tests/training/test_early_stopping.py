from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from tfapp.training.early_stopping import after_epoch
from tfapp.training.train_state import TrainState


@dataclass(frozen=True)
class _Dev:
    main_score: float
    loss: float
    lower_is_better: bool = False
    standard_error: float = 0.04


def _best_epochs(devs: list[_Dev], *, by_loss: bool = False, tolerance: float = 0) -> list[bool]:
    state, best = TrainState(), []
    for dev in devs:
        state = after_epoch(state, cast("Any", dev), by_loss=by_loss, tolerance=tolerance)
        best.append(state.stale_epochs == 0)
    return best


@pytest.mark.parametrize(
    ("scores", "lower_is_better", "best"),
    [
        ([0.5, 0.7, 0.6, 0.7], False, [True, True, False, False]),
        ([1.2, 1.1, 1.15, 1.0], True, [True, True, False, True]),
        ([float("nan"), 0.1], False, [False, True]),
    ],
)
def test_the_best_epoch_has_the_best_score(scores: list[float], lower_is_better: bool, best: list[bool]) -> None:
    assert _best_epochs([_Dev(score, 0.5, lower_is_better) for score in scores]) == best


@pytest.mark.parametrize("lower_is_better", [False, True])
def test_of_equal_scores_the_lower_loss_counts(lower_is_better: bool) -> None:
    devs = [_Dev(0.5, loss, lower_is_better) for loss in (0.4, 0.3, 0.35)]
    assert _best_epochs(devs) == [True, True, False]


def test_by_loss_the_score_does_not_count() -> None:
    assert _best_epochs([_Dev(0.5, 0.4), _Dev(0.9, 0.6), _Dev(0.1, 0.2)], by_loss=True) == [True, False, True]


@pytest.mark.parametrize(
    ("scores", "lower_is_better", "expected"),
    [
        ([0.70, 0.80, 0.77, 0.78], False, [True, True, True, True]),
        ([0.80, 0.77, 0.74], False, [True, True, False]),  # of the best, not of the one kept
        ([0.70, 0.80, 0.60], False, [True, True, False]),
        ([1.0, 0.9, 0.93, 0.97], True, [True, True, True, False]),
        ([float("nan"), 0.8, float("nan"), 0.78], False, [False, True, False, True]),
    ],
)
def test_a_later_epoch_within_a_standard_error_of_the_best_is_kept(
    scores: list[float], lower_is_better: bool, expected: list[bool]
) -> None:
    devs = [_Dev(score, 0.5, lower_is_better) for score in scores]
    assert _best_epochs(devs, tolerance=1) == expected


def test_the_score_of_the_kept_epoch_is_told() -> None:
    state = TrainState()
    for score in (0.7, 0.8, 0.78):
        state = after_epoch(state, cast("Any", _Dev(score, 0.5)), tolerance=1)
    assert (state.best_score, state.top_score) == (0.78, 0.8)
