"""Trains by steps: batches, a compiled step, a dev evaluation an epoch, checkpoints in between."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, cast

import numpy as np

from tfapp.data.batches import epoch_batches
from tfapp.errors import TrainingError
from tfapp.training.adaptation import Adaptation
from tfapp.training.augmentation import Augmentation
from tfapp.training.checkpoint import load_checkpoint, save_checkpoint
from tfapp.training.early_stopping import is_stopped
from tfapp.training.ema import WeightAverage
from tfapp.training.head_start import fit_start
from tfapp.training.optimizer import LinearWarmupDecay, MovableWarmupDecay, make_optimizer, make_schedule
from tfapp.training.step_meter import StepMeter
from tfapp.training.steps import Objective, distribute, make_predictor, make_train_step, predict_logits
from tfapp.training.strategy import check_same_step, is_chief
from tfapp.training.time_budget import StepBudget
from tfapp.training.tokenized_split import epoch_split
from tfapp.training.train_state import TrainState
from tfapp.training.trainer import Trainer

__all__ = ["FineTuner"]

# A checkpoint of BERT base has 1.3 GB, and a GPU makes fifty steps in two seconds: not more than this share of the time
# goes into checkpoints.
_CHECKPOINT_SHARE: Final = 0.02
# Seconds, whatever the disk.
_LONGEST_PAUSE: Final = 600.0


@dataclass(kw_only=True)
class FineTuner(Trainer):
    """A trainer that learns by steps down the gradient.

    Attributes:
        objective: What steps make smaller; None: the model's `batch_loss`.
        clock: Monotonic seconds.
        later_rows: How many rows are to be read after it, for which a budget leaves time.
    """

    objective: Objective | None
    clock: Callable[[], float]
    later_rows: int = 0

    def __post_init__(self) -> None:
        batch_size = self.settings.batch_size
        self.starts_fitted = self.settings.head_start == "fitted" and self.model.head is not None
        if self.starts_fitted and not self.folder.checkpoint.exists():
            resources: dict[str, Any] = {"batch_size": batch_size, "budget": self.budget, "shared": self.shared}
            fit_start(self.model, self.frozen, self.train_split, self.strategy, self.precision, **resources)
        augment = self.settings.augment
        self.augmentation = (
            Augmentation(self.model, self.train_split, augment, self.settings.seed) if augment.share else None
        )
        self.epoch_steps = math.ceil(len(self.train_split.texts) / batch_size)
        # The first is what was asked for, the other what there is time for.
        self.planned_steps = self.total_steps = self.epoch_steps * self.settings.epochs
        self.schedule: LinearWarmupDecay = make_schedule(self.settings, self.total_steps)
        self.pace: StepBudget | None = None
        if self.budget:
            self.schedule = MovableWarmupDecay(**self.schedule.get_config())
            batches = {"dev_steps": len(self.dev_split.texts) / batch_size, "later_steps": self.later_rows / batch_size}
            self.pace = StepBudget(self.budget, epoch_steps=self.epoch_steps, **batches)
        with self.strategy.scope():
            self.adaptation = Adaptation(self.model, self.settings)
            self.optimizer = make_optimizer(self.settings, self.schedule, self.adaptation.scale)
            self.optimizer.build(self.adaptation.trained)
            decay = self.settings.ema_decay
            # Of an adapter its own weights are averaged, so that what they make of a kernel keeps its rank.
            variables, merge = self.adaptation.trained, self.adaptation.merge
            self.average = WeightAverage(variables, decay, on_change=merge) if decay else None
        self.train_step = make_train_step(
            self.model,
            self.optimizer,
            self.strategy,
            self.adaptation,
            clip_norm=self.settings.clip_norm,
            objective=self.objective,
            sub_batch=self.settings.sub_batch,
            sam_rho=self.settings.sam_rho,
        )
        self.predictor = make_predictor(self.model, self.dev_split.targets)

    @property
    def variables(self) -> list[Any]:
        """Returns everything that a step changes, the states of the dropout's random numbers included."""
        averages = self.average.averages if self.average else []
        return [*self.model.network.variables, *self.adaptation.extra, *self.optimizer.variables, *averages]

    @property
    def steps_done(self) -> int:
        """Returns the number of steps of all epochs."""
        # The last epoch may have ended early.
        return min(self.state.epoch * self.epoch_steps + self.state.step, self.total_steps)

    def run(self) -> TrainState:
        """Trains to the end, from the folder's checkpoint if there is one."""
        if self.folder.checkpoint.exists():
            self.state = TrainState(**load_checkpoint(self.folder.checkpoint, self.variables))
        self.saved_at, self.save_again = self.steps_done, -math.inf
        check_same_step(self.strategy, self.steps_done)
        for observer in self.observers:
            observer.on_start(self.steps_done, self.total_steps)
        if (self.model.pretrained or self.starts_fitted) and not self.steps_done:
            self._begin(self._predict())
        while self.state.epoch < self.settings.epochs and not is_stopped(self.state, self.settings.patience):
            if self.state.epoch and self._out_of_time():
                break
            self._run_epoch()
            self._finish_epoch()
        if self.steps_done == self.total_steps < self.planned_steps:
            self.state = replace(self.state, cut=f"{self.total_steps} of {self.planned_steps} steps")
        return self.state

    def _out_of_time(self) -> bool:
        """Returns whether no step more is to be done; then those that were done are all."""
        if self.pace is None or (self.steps_done < self.total_steps and not self.pace.is_over):
            return False
        self.total_steps = self.steps_done
        return True

    def _plan_end(self, pace: StepBudget) -> None:
        """Makes the step that the time is over at, as far as can be told, the last one."""
        pace.record(self.steps_done)
        self.total_steps = int(min(self.planned_steps, self.steps_done + pace.steps_left))
        cast("MovableWarmupDecay", self.schedule).end_at(self.total_steps)

    def _run_epoch(self) -> None:
        train_split = self.train_split
        if self.augmentation:
            train_split = self.augmentation(train_split, self.state.epoch)
        split = epoch_split(
            self.model,
            train_split,
            seed=self.settings.seed,
            epoch=self.state.epoch,
            word_dropout=self.settings.word_dropout,
        )
        rows, weights = epoch_batches(
            split.texts.lengths, self.settings.batch_size, seed=self.settings.seed, epoch=self.state.epoch
        )
        start = self.state.step
        meter = StepMeter(self.clock)
        for batch in distribute(self.strategy, split.texts, split.targets, rows[start:], weights[start:]):
            with self.precision.scope():
                meter.results.append(self.train_step(batch))
            self.state = replace(self.state, step=self.state.step + 1)
            # Time first: what a training does at its last step it does at the end of an epoch, too.
            last = self._out_of_time() or self.state.step == self.epoch_steps
            self.adaptation.finish_step(self.steps_done, self.total_steps)
            if self.average:
                self.average.update(self.steps_done, last=last)
            for observer in self.observers:
                observer.on_progress(self.steps_done)
            if self.pace and self.state.step == start + 1:
                # Reading the value waits for the device.
                float(meter.results[0].loss)
                self.pace.begin(self.steps_done)
            if self.state.step % self.settings.log_steps == 0 or last:
                self._log(meter)
            if last:
                break
            self._save_checkpoint_if_due()

    def _log(self, meter: StepMeter) -> None:
        rate = float(self.schedule(self.steps_done - 1))
        event = meter.point(self.steps_done, self.total_steps, rate)
        if not math.isfinite(event.loss):
            raise TrainingError(
                f"the loss is {event.loss} at step {event.step}; lower training.learning_rate "
                f"({self.settings.learning_rate:g}), or use training.precision float32"
            )
        for observer in self.observers:
            observer.on_step(event)
        if self.pace and not self._out_of_time():
            self._plan_end(self.pace)

    def _save_best(self) -> None:
        # First, for a model that is saved is whole: a run of few shots that was killed goes on with it as it is.
        self.adaptation.save(self.folder.adapter)
        super()._save_best()

    def _predict(self) -> np.ndarray:
        return predict_logits(self.predictor, self.dev_split.texts, self.dev_split.targets)

    def _finish_epoch(self) -> None:
        with self.average.averaged_weights() if self.average else nullcontext():
            self._end_epoch(self._predict())
        # Last: a kill before it only repeats what was done since the checkpoint before.
        self._save_checkpoint_if_due()

    def _save_checkpoint_if_due(self) -> None:
        if self.steps_done - self.saved_at < self.settings.checkpoint_steps or self.clock() < self.save_again:
            return
        self.saved_at = self.steps_done
        # Reading a value waits for the steps that the device has still to do.
        self.optimizer.iterations.numpy()
        start = self.clock()
        if is_chief(self.strategy):
            save_checkpoint(self.folder.checkpoint, self.variables, asdict(self.state))
        end = self.clock()
        self.save_again = end + min((end - start) / _CHECKPOINT_SHARE, _LONGEST_PAUSE)
