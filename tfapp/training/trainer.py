"""What every way of training shares: its arguments, and the end of an epoch."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import tensorflow as tf

from tfapp.config import TrainingSettings
from tfapp.evaluation.base import Evaluation
from tfapp.models import TaskModel
from tfapp.training.observers import EpochEvent, Observer
from tfapp.training.precision import StepPrecision
from tfapp.training.run_folder import RunFolder
from tfapp.training.state import TrainState
from tfapp.training.strategy import is_chief
from tfapp.training.tokenized_split import TokenizedSplit

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
        self.state = self.state.after_epoch(dev, by_loss=by_loss)
        self._tell(dev, penalty)

    def _begin(self, logits: np.ndarray) -> None:
        """Does the same before the first epoch, so that a training cannot end with less than it began with."""
        if not len(self.dev_split.texts):
            return
        dev = self.evaluate(self.model, logits, self.dev_split)
        self.state = replace(self.state, best_score=dev.main_score, best_loss=dev.loss)
        self._tell(dev)

    def _tell(self, dev: Evaluation | None, penalty: float | None = None) -> None:
        best = self.state.stale_epochs == 0
        if best and is_chief(self.strategy):
            self.model.save(self.folder.model)
        if dev is None:
            return
        for observer in self.observers:
            observer.on_epoch(EpochEvent(self.state.epoch, self.steps_done, dev, best, penalty))
