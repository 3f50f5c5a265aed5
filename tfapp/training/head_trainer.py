"""Trains the head alone (`training.adapt = "head"`): the backbone reads every text once, then the head is fitted.

A dense layer under a convex loss has one best kernel for each penalty on its size, so there is nothing to schedule:
L-BFGS finds it, and the dev split or cross-validation chooses the penalty.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from tfapp.core.files import replacing
from tfapp.training.early_stopping import is_stopped
from tfapp.training.features import FeatureReader, FeatureStore, share_features
from tfapp.training.head_solver import DEFAULT_PENALTY, FOLDS, PATIENCE, PENALTIES, HeadSolver, cross_validate
from tfapp.training.precision import StepPrecision
from tfapp.training.strategy import check_same_step, is_chief
from tfapp.training.time_budget import CLOSING_SECONDS
from tfapp.training.tokenized_split import TokenizedSplit
from tfapp.training.train_state import TrainState
from tfapp.training.trainer import Trainer

__all__ = ["HeadTrainer"]

# Of the time that the reading took: what the fits may take.
_FIT_SHARE: Final = 0.5
# Of the time that the fits of a penalty took: what those of the next and the last ones may take.
_NEXT_FITS: Final = 1.5


@dataclass(kw_only=True)
class HeadTrainer(Trainer):
    """Fits the head for each of `PENALTIES` and keeps the one of the lowest dev loss in the run's folder.

    The loss chooses, not the score: the fits differ in few dev texts, but in how sure they are of all. A fit counts as
    an epoch, and after two that are no better the search ends, or after `settings.patience`.

    Where `cross_validate` chooses, the dev split is evaluated once, and then learnt from, too. What calibrates the
    model in its place, the held-out logits of train, is kept in the run's folder.

    The features of the train split are kept in the run's folder while they are read, for a resumed run. `frozen`
    computes them, and those of the dev split.

    With a budget, short and long texts are read in turn; where there is no time for all, the head is fitted to those
    that were read, by `DEFAULT_PENALTY`. A search that there is no time for ends after the fit under way.

    Raises:
        TrainingError: The features are not finite, or those of a killed run are damaged.
    """

    _steps: int = 0
    # When the first step of this process was done, and which it was.
    _measurement_start: tuple[float, int] | None = None
    _start_time: float = field(init=False)
    _closing_seconds: float = CLOSING_SECONDS
    _fitted_at: float = field(init=False)

    @property
    def steps_done(self) -> int:
        """Returns the number of batches read and heads fitted."""
        return self._steps

    def run(self) -> TrainState:
        """Reads the features, then fits."""
        reader = FeatureReader(self.frozen, self.strategy, self.settings.batch_size, mix=self.budget is not None)
        store = FeatureStore(self.folder.features)
        features = store.load()
        self._steps = sum(map(len, features)) // self.settings.batch_size
        self._start_time = self.budget.clock() if self.budget else 0.0
        check_same_step(self.strategy, self.steps_done)
        fits = FOLDS * len(PENALTIES) + 2 if self._is_cross_validated else len(PENALTIES)
        total = reader.steps(self.train_split) + reader.steps(self.dev_split) + fits
        for observer in self.observers:
            observer.on_start(self.steps_done, total)
        dev_steps = reader.steps(self.dev_split)
        train = self._share(
            self.train_split,
            self.precision,
            lambda: reader.read(
                self.train_split,
                earlier=features,
                scope=self.precision.scope,
                on_step=self._make_store_step(store, len(features)),
                stop=lambda: self._must_fit(dev_steps),
            ),
        )
        rows = reader.read_rows(self.train_split, self.steps_done) if self.budget else np.arange(len(train))
        dev = self._share(
            self.dev_split,
            StepPrecision(),
            lambda: reader.read(self.dev_split, earlier=[], scope=nullcontext, on_step=lambda _: self._step()),
        )
        if self.budget is None:
            self._steps = reader.steps(self.train_split) + dev_steps
        self._fitted_at = self.budget.clock() if self.budget else 0.0
        if len(rows) < len(train):
            self._fit_once(HeadSolver(self.model, train[rows], self.train_split.targets[rows]), dev, DEFAULT_PENALTY)
            self.state = replace(self.state, cut=f"{len(rows)} of {len(train)} texts")
        elif self._is_cross_validated:
            self._fit_cross_validated(train, dev)
        else:
            self._fit(train, dev)
        return self.state

    def _share(self, split: TokenizedSplit, precision: StepPrecision, read: Callable[[], np.ndarray]) -> np.ndarray:
        """Returns a split's features, which may have been read before; a reading that may end early is not shared."""
        shared_arrays, size = None if self.budget else self.shared, self.settings.batch_size
        return share_features(shared_arrays, self.model, split, read, precision=precision, batch_size=size)

    def _must_fit(self, dev_steps: int) -> bool:
        """Returns whether the time that is left is just enough to read dev, and to fit and write the head."""
        if self.budget is None:
            return False
        if self._measurement_start is None:
            # The first step, which is traced, says nothing of the speed of others.
            self._measurement_start = (self.budget.clock(), self.steps_done)
            self._closing_seconds = CLOSING_SECONDS + self._measurement_start[0] - self._start_time
            return self.budget.seconds_left <= self._closing_seconds
        start_time, start_step = self._measurement_start
        pace = (self.budget.clock() - start_time) / (self.steps_done - start_step)
        return self.budget.seconds_left <= self._closing_seconds + pace * (dev_steps + _FIT_SHARE * self.steps_done)

    @property
    def _is_cross_validated(self) -> bool:
        return self.settings.penalty_split == "cross-validation"

    def _make_store_step(self, store: FeatureStore, files: int) -> Callable[[list[np.ndarray]], None]:
        """Returns a function that stores the vectors that were read, every so many steps."""
        every = self.settings.checkpoint_steps

        def on_step(batches: list[np.ndarray]) -> None:
            if len(batches) % every == 0 and is_chief(self.strategy):
                store.add(files + len(batches) // every - 1, np.concatenate(batches[-every:]))
            self._step()

        return on_step

    def _step(self) -> None:
        self._steps += 1
        for observer in self.observers:
            observer.on_progress(self.steps_done)

    def _fit(self, train: np.ndarray, dev: np.ndarray) -> None:
        head = HeadSolver(self.model, train, self.train_split.targets)
        patience = self.settings.patience or PATIENCE
        for penalty in PENALTIES if len(self.dev_split.texts) else (DEFAULT_PENALTY,):
            if is_stopped(self.state, patience):
                break
            if self.state.epoch and self._out_of_time(self.state.epoch):
                break
            self._fit_once(head, dev, penalty)

    def _out_of_time(self, penalties: int) -> bool:
        """Returns whether the search ends after so many penalties: there is no time for one that takes as long."""
        if self.budget is None or penalties == len(PENALTIES):
            return False
        seconds, self._fitted_at = self.budget.clock() - self._fitted_at, self.budget.clock()
        if self.budget.seconds_left > self._closing_seconds + _NEXT_FITS * seconds:
            return False
        self.state = replace(self.state, cut=f"{penalties} of {len(PENALTIES)} penalties")
        return True

    def _fit_cross_validated(self, train: np.ndarray, dev: np.ndarray) -> None:
        targets, before = self.train_split.targets, self.steps_done
        penalty, held_out = cross_validate(
            self.model,
            train,
            targets,
            seed=self.settings.seed,
            on_fit=self._step,
            stop=lambda: self._out_of_time((self.steps_done - before) // FOLDS),
        )
        if is_chief(self.strategy):
            with replacing(self.folder.held_out) as draft, draft.open("wb") as file:
                np.save(file, held_out, allow_pickle=False)
        self._fit_once(HeadSolver(self.model, train, targets), dev, penalty)
        if not len(dev):
            return
        targets = np.concatenate([targets, self.dev_split.targets])
        HeadSolver(self.model, np.concatenate([train, dev]), targets).fit(penalty)
        self._step()
        if is_chief(self.strategy):
            self.model.save(self.folder.model)

    def _fit_once(self, head: HeadSolver, dev: np.ndarray, penalty: float) -> None:
        head.fit(penalty)
        self._step()
        kernel, bias = self.model.head.get_weights()
        self._end_epoch(dev @ kernel + bias, penalty)
