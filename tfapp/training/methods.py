"""Trains a model by the method of its settings: by steps, by a fit of its head, or as its task says."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfapp._old_names import refuse_old_arguments
from tfapp.config import TrainingSettings
from tfapp.core.shared_arrays import SharedArrays
from tfapp.errors import TrainingError
from tfapp.evaluation.base import Evaluation
from tfapp.models import TaskModel
from tfapp.training.adversarial_embeddings import AdversarialEmbeddings
from tfapp.training.head_trainer import HeadTrainer
from tfapp.training.loop import FineTuner
from tfapp.training.observers import Observer
from tfapp.training.precision import StepPrecision
from tfapp.training.r_drop import RDrop
from tfapp.training.run_folder import RunFolder
from tfapp.training.steps import Objective
from tfapp.training.time_budget import TimeBudget
from tfapp.training.tokenized_split import TokenizedSplit
from tfapp.training.train_state import TrainState

__all__ = ["train"]


@refuse_old_arguments(train_side="train_split", dev_side="dev_split")
def train(
    model: TaskModel,
    strategy: tf.distribute.Strategy,
    *,
    train_split: TokenizedSplit,
    dev_split: TokenizedSplit,
    settings: TrainingSettings,
    folder: RunFolder,
    evaluate: Callable[[TaskModel, np.ndarray, TokenizedSplit], Evaluation],
    precision: StepPrecision | None = None,
    frozen: TaskModel | None = None,
    objective: Objective | None = None,
    observers: Sequence[Observer] = (),
    budget: TimeBudget | None = None,
    shared: SharedArrays | None = None,
    clock: Callable[[], float] = time.monotonic,
    method: Callable[..., TrainState] | None = None,
) -> TrainState:
    """Trains a model and keeps the weights of its best epoch in the run's folder.

    With `adapt` head and a model that has such a `head`, `HeadTrainer` does it, else `FineTuner`.

    A checkpoint in the folder is gone on from: on a CPU, with the same settings and data, a run that was killed and
    resumed ends with the very weights of one that was not.

    A training that its budget has no time for ends sooner, at the step that the time is over at; the learning rate
    falls to 0 by then, as well as the speed of the steps foretells it. What was learnt by then is evaluated, too.

    Args:
        model: Made under the strategy's scope.
        strategy: From `make_strategy`.
        train_split: What is learnt from.
        dev_split: What chooses the best epoch.
        settings: How to learn.
        folder: Where checkpoint and best weights go.
        evaluate: Makes the dev evaluation from model, logits and split; it may fit the model's thresholds.
        precision: How steps compute; the evaluations compute as the network's dtype policy says.
        frozen: The model as it is now, which may compute faster and cannot learn; it reads the texts that a head is
            fitted to. None: the model itself.
        objective: What steps make smaller; None: the model's `batch_loss`, or what the settings make of it.
        observers: Told of steps and epochs.
        budget: The time that is left for it; None: as long as it takes.
        shared: What other trainings have read by the same weights; None: nothing is shared.
        clock: Monotonic seconds.
        method: Trains in their place, by a method that one task has; it is called with the arguments of this function
            but for `objective`, `shared` and `method`.

    Returns:
        The state at the end.

    Raises:
        TrainingError: The loss is no number any more, the batch does not divide by the devices, or the settings do not
            fit the model.
    """
    devices = strategy.num_replicas_in_sync
    if settings.batch_size % devices:
        raise TrainingError(
            f"training.batch_size is {settings.batch_size}; it must be a multiple of the {devices} devices"
        )
    arguments: dict[str, Any] = {
        "model": model,
        "strategy": strategy,
        "train_split": train_split,
        "dev_split": dev_split,
        "settings": settings,
        "folder": folder,
        "evaluate": evaluate,
        "precision": precision or StepPrecision(),
        "observers": observers,
        "budget": budget,
        "frozen": frozen or model,
    }
    if method:
        return method(**arguments, clock=clock)
    if settings.adapt == "head" and model.head is not None:
        return HeadTrainer(**arguments, shared=shared).run()
    objective = objective or _objective(model, settings)
    return FineTuner(**arguments, shared=shared, objective=objective, clock=clock).run()


def _objective(model: TaskModel, settings: TrainingSettings) -> Objective | None:
    """Returns the loss that the settings ask for; None: the model's own."""
    if settings.fgm_epsilon:
        return AdversarialEmbeddings(model, settings.fgm_epsilon)
    return RDrop(model, settings.r_drop_alpha) if settings.r_drop_alpha else None
