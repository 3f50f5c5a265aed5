"""Calibrates a run's best weights after training: the limit of "none of these", and the temperatures."""

from __future__ import annotations

from tfapp.models import TaskModel
from tfapp.models.temperature_scaling import TemperatureScaling
from tfapp.tasks.registry import find_task
from tfapp.training import RunFolder, TokenizedSplit, calibrate_unknown, held_out_logits

__all__ = ["calibrate"]


def calibrate(
    model: TaskModel, folder: RunFolder, train_split: TokenizedSplit, dev_split: TokenizedSplit, *, temperatures: bool
) -> bool:
    """Fits the calibration of a trained model, such as temperatures and thresholds, to the dev split.

    Args:
        model: With its best weights.
        folder: Its run.
        train_split: What it learnt from.
        dev_split: What chose its best epoch.
        temperatures: Whether they are wanted, as `training.calibrate` says.

    Returns:
        Whether the model changed.
    """
    has_changed = calibrate_unknown(model, train_split, dev_split)
    if model.calibration is None:
        return has_changed
    if temperatures:
        logits, split = held_out_logits(model, folder, train_split, dev_split)
        model.calibrate(find_task(model.task.name).evaluator().fit_temperatures(model, logits, split))
    else:
        model.calibrate(TemperatureScaling(reason="training.calibrate is false"))
    return True
