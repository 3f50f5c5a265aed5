"""The base class of every way of training: its arguments, its state, and the end of an epoch."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import tensorflow as tf

from tfapp.config import TrainingSettings
from tfapp.core.files import private_folder
from tfapp.core.shared_arrays import SharedArrays
from tfapp.evaluation.base import Evaluation
from tfapp.models import TaskModel
from tfapp.training.observers import EpochEvent, Observer
from tfapp.training.precision import StepPrecision
from tfapp.training.run_folder import RunFolder
from tfapp.training.strategy import is_chief
from tfapp.training.time_budget import TimeBudget
from tfapp.training.tokenized_split import TokenizedSplit

__all__ = ["TrainState", "Trainer"]


@dataclass(frozen=True)
class TrainState:
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

    epoch: int = 0
    step: int = 0
    best_score: float = -math.inf
    best_loss: float = math.inf
    stale_epochs: int = 0
    top_score: float | None = None
    cut: str = ""

    def after_epoch(self, dev: Evaluation | None, *, by_loss: bool = False, tolerance: float = 0.0) -> Self:
        """Returns the state after an epoch; its `stale_epochs` is 0 if the epoch is the best.

        Args:
            dev: Its evaluation; None where there is nothing to evaluate on: then the last epoch is the best.
            by_loss: The best epoch is that of the lowest loss; else that of the best score, and of several with the
                same score the one of the lowest loss.
            tolerance: By how many standard errors the score may be lower than the best one (Breiman et al.,
                "Classification and Regression Trees", 1984, section 3.4.3); not by loss.
        """
        state = replace(self, epoch=self.epoch + 1, step=0, stale_epochs=self.stale_epochs + 1)
        if dev is None:
            return replace(state, stale_epochs=0)
        sign = -1 if dev.lower_is_better else 1
        score, best = sign * dev.main_score, -math.inf if math.isinf(self.best_score) else sign * self.best_score
        top = max(best, sign * self.top_score if self.top_score is not None else -math.inf)
        if by_loss:
            is_better = dev.loss < self.best_loss
        elif tolerance:
            is_better = score >= top - tolerance * dev.standard_error
        else:
            is_better = (score, -dev.loss) > (best, -self.best_loss)
        if tolerance and not math.isnan(score):
            state = replace(state, top_score=sign * max(top, score))
        return replace(state, best_score=dev.main_score, best_loss=dev.loss, stale_epochs=0) if is_better else state


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
        self.state = self.state.after_epoch(dev, by_loss=by_loss, tolerance=self.settings.epoch_tolerance)
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
