"""The base class of every way of training: its arguments, its state, and the end of an epoch."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import tensorflow as tf

from tfapp.config import TrainingSettings
from tfapp.core.files import private_folder
from tfapp.core.shared_arrays import SharedArrays
from tfapp.evaluation.base import Evaluation
from tfapp.models import TaskModel
from tfapp.training.early_stopping import after_epoch
from tfapp.training.observers import EpochEvent, Observer
from tfapp.training.precision import StepPrecision
from tfapp.training.run_folder import RunFolder
from tfapp.training.strategy import is_chief
from tfapp.training.time_budget import TimeBudget
from tfapp.training.tokenized_split import TokenizedSplit
from tfapp.training.train_state import TrainState

__all__ = ["Trainer"]


@dataclass(kw_only=True)
class Trainer(abc.ABC):
    """One way to train a model: the arguments of `train`, and how far it is."""

    model: TaskModel
    strategy: tf.distribute.Strategy
    train_split: TokenizedSplit
    dev_split: TokenizedSplit
    settings: TrainingSettings
    folder: RunFolder
    evaluate: Callable[[TaskModel, np.ndarray, TokenizedSplit], Evaluation]
    precision: StepPrecision
    observers: Sequence[Observer]
    frozen: TaskModel
    budget: TimeBudget | None = None
    shared: SharedArrays | None = None
    state: TrainState = field(default_factory=TrainState)

    @property
    @abc.abstractmethod
    def steps_done(self) -> int:
        """Returns the number of steps since the beginning of the run."""

    @abc.abstractmethod
    def run(self) -> TrainState:
        """Trains to the end and returns the last state."""

    def _end_epoch(self, logits: np.ndarray, penalty: float | None = None) -> None:
        """Evaluates the dev logits, keeps the weights if they are the best, and tells the observers.

        With the penalty that the epoch's weights were fitted with, the dev loss is what compares.
        """
        dev = self.evaluate(self.model, logits, self.dev_split) if len(self.dev_split.texts) else None
        by_loss = penalty is not None or (dev is not None and dev.by_loss)
        self.state = after_epoch(self.state, dev, by_loss=by_loss, tolerance=self.settings.epoch_tolerance)
        self._tell(dev, penalty)

    def _begin(self, logits: np.ndarray) -> None:
        """Evaluates the model before the first epoch, so that a training cannot end with less than it began with."""
        if not len(self.dev_split.texts):
            return
        dev = self.evaluate(self.model, logits, self.dev_split)
        self.state = replace(self.state, best_score=dev.main_score, best_loss=dev.loss)
        self._tell(dev)

    def _save_best(self) -> None:
        """Keeps the weights as those of the best epoch so far."""
        self.model.save(self.folder.model)

    def _tell(self, dev: Evaluation | None, penalty: float | None = None) -> None:
        best = self.state.stale_epochs == 0
        if best and is_chief(self.strategy):
            self._save_best()
        if self.settings.keep_epochs and self.state.epoch and is_chief(self.strategy):
            epoch = self.folder.epoch(self.state.epoch)
            private_folder(epoch.parent)
            private_folder(epoch)
            self.model.save(epoch)
        if dev is None:
            return
        for observer in self.observers:
            observer.on_epoch(EpochEvent(self.state.epoch, self.steps_done, dev, best, penalty))
