"""A bound on the time of a training: told by a clock that the steps set, never by how long they take here."""

from __future__ import annotations

import itertools
import json
import math
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.test_head_trainer import build
from tests.training.test_loop import (
    Silent,
    Whole,
    loop_experiment,
    new_folder,
    run,
    run_whole,
    same,
    table,
    weights,
    whole,
    with_training,
)
from tfapp.config import Experiment, TrainingSettings
from tfapp.models.adapters import AdapterFile
from tfapp.tasks.classification.few_shot import train_few_shot
from tfapp.tasks.models import load_model
from tfapp.training import EpochEvent, StepEvent, StepPrecision, TimeBudget, make_strategy, tokenize_split
from tfapp.training.features import FeatureReader
from tfapp.training.head_solver import DEFAULT_PENALTY, HeadSolver
from tfapp.training.head_start import fit_start
from tfapp.training.optimizer import MovableWarmupDecay, make_schedule
from tfapp.training.run_folder import RunFolder
from tfapp.training.time_budget import CLOSING_SECONDS, StepBudget

__all__ = ["whole"]  # the fixture


@pytest.fixture(scope="module")
def experiment(bare_preset: Path) -> Experiment:
    return loop_experiment(bare_preset)


class BudgetClock(Silent):
    """A clock that each step sets forward, by other seconds from a step on."""

    def __init__(self, seconds: float = 1.0, *, then: float = 1.0, after: int = 10**6) -> None:
        self.now, self.seconds, self.then, self.after = 0.0, seconds, then, after
        self.steps: list[StepEvent] = []
        self.epochs: list[EpochEvent] = []

    def __call__(self) -> float:
        return self.now

    def on_progress(self, step: int) -> None:
        self.now += self.seconds if step <= self.after else self.then

    def on_step(self, event: StepEvent) -> None:
        self.steps.append(event)

    def on_epoch(self, event: EpochEvent) -> None:
        self.epochs.append(event)


def run_bounded(
    experiment: Experiment,
    folder: RunFolder,
    clock: BudgetClock,
    seconds: float,
    spent_seconds: float = 0.0,
    **options: Any,
) -> Any:
    budget = TimeBudget(seconds, clock=clock, spent_seconds=spent_seconds)
    return run(experiment, folder, observers=(clock,), clock=clock, budget=budget, **options)


def test_a_budget_with_room_changes_no_step(experiment: Experiment, whole: Whole, tmp_path: Path) -> None:
    model, state = run_bounded(experiment, new_folder(experiment, tmp_path), BudgetClock(), 1e6)
    assert same(model, whole.model)
    assert state == whole.state


@pytest.mark.parametrize(("seconds", "epochs"), [(15.0, 1), (26.0, 2)])
def test_a_training_ends_in_time_with_its_rate_decayed(
    experiment: Experiment, tmp_path: Path, seconds: float, epochs: int
) -> None:
    folder, clock = new_folder(experiment, tmp_path), BudgetClock()
    _, state = run_bounded(experiment, folder, clock, seconds)
    steps = clock.epochs[-1].step
    assert state.cut == f"{steps} of 24 steps"
    assert (state.epoch, math.ceil(steps / 12)) == (epochs, epochs)
    # Its dev split is read twice more, at a third of a step for eight texts, and traced in a step's time.
    assert seconds - CLOSING_SECONDS - 6 < clock.now <= seconds - CLOSING_SECONDS - 3
    peak = experiment.training.learning_rate
    assert clock.steps[-1].learning_rate < 0.35 * peak < max(event.learning_rate for event in clock.steps)
    assert clock.steps[-1].step == steps
    best = [event.dev.main_score for event in clock.epochs if event.best][-1]
    assert best == state.best_score == max(event.dev.main_score for event in clock.epochs)
    assert load_model(folder.model)


def test_a_training_without_time_does_one_step(experiment: Experiment, tmp_path: Path) -> None:
    folder, clock = new_folder(experiment, tmp_path), BudgetClock()
    _, state = run_bounded(experiment, folder, clock, 100.0, spent_seconds=99.0)
    assert (state.cut, [event.step for event in clock.epochs]) == ("1 of 24 steps", [1])
    assert load_model(folder.model)


def test_a_machine_that_grows_slow_ends_it_at_a_step(experiment: Experiment, tmp_path: Path) -> None:
    clock = BudgetClock(then=20.0, after=14)
    run_bounded(experiment, new_folder(experiment, tmp_path), clock, 60.0)
    # One step more than there was time for: its slowness was not known before.
    assert clock.now <= 60.0 + 20.0
    assert [event.epoch for event in clock.epochs] == [1, 2]


def test_adalora_has_its_last_ranks_where_the_time_is_over_with_an_epoch(shallow_preset: Path, tmp_path: Path) -> None:
    ranks = with_training(loop_experiment(shallow_preset), adapt="adalora", lora_rank=2, adalora_warmup_share=0.5)
    folder = new_folder(ranks, tmp_path)
    _, state = run_bounded(ranks, folder, BudgetClock(then=1000.0, after=10), 200.0)
    assert state.cut == "12 of 24 steps"
    kernels = AdapterFile.load(folder.adapter).kernels.values()
    assert np.mean([len(arrays["singular_values"]) for arrays in kernels]) <= 2


def test_a_run_that_is_gone_on_with_has_the_time_that_is_left(experiment: Experiment, tmp_path: Path) -> None:
    killed_folder = run_whole(experiment, tmp_path, 7).copy_at(7, tmp_path)
    clock = BudgetClock()
    _, state = run_bounded(experiment, killed_folder, clock, 100.0, spent_seconds=90.0)
    assert clock.now <= 10.0
    assert 4 < clock.epochs[-1].step <= 12
    assert state.cut


def test_few_shots_leave_time_for_the_head(experiment: Experiment, tmp_path: Path) -> None:
    few = with_training(experiment, method="few-shot", epochs=3)
    # A step on pairs takes six times as long as one that reads.
    folder, clock = new_folder(few, tmp_path), BudgetClock(after=35, then=1 / 6)
    _, state = run_bounded(few, folder, clock, 30.0, method=train_few_shot)
    assert state.cut.endswith(" of 35 steps")
    assert load_model(folder.model)
    assert state.best_score > 0.9
    assert clock.now <= 30.0


@pytest.mark.parametrize("penalty", ["dev", "cross-validation"])
def test_a_head_is_fitted_to_the_texts_that_there_was_time_for(
    experiment: Experiment, tmp_path: Path, penalty: str
) -> None:
    head = with_training(experiment, adapt="head", head_penalty=penalty)
    folder, clock = new_folder(head, tmp_path), BudgetClock()
    _, state = run_bounded(head, folder, clock, 16.0)
    assert state.cut.endswith(" of 93 texts")
    assert 30 < int(state.cut.split()[0]) < 80
    assert clock.now <= 16.0
    assert [event.epoch for event in clock.epochs] == [1]
    assert state.best_score > 0.8
    assert load_model(folder.model)


def test_a_first_step_that_is_traced_says_nothing_of_the_speed(experiment: Experiment, tmp_path: Path) -> None:
    for name, changes in {"head": {"adapt": "head"}, "steps": {}}.items():
        changed_experiment = with_training(experiment, **changes)
        clock = BudgetClock(20.0, then=0.1, after=1)
        _, state = run_bounded(changed_experiment, new_folder(changed_experiment, tmp_path / name), clock, 60.0)
        assert state.cut == ""
        assert clock.now < 30


def test_a_head_s_search_ends_in_time(experiment: Experiment, tmp_path: Path) -> None:
    head = with_training(experiment, adapt="head", patience=9)
    clock = BudgetClock(after=12, then=2.0)
    _, state = run_bounded(head, new_folder(head, tmp_path), clock, 30.0)
    assert state.cut == f"{state.epoch} of 9 penalties"
    assert 1 <= state.epoch < 9
    assert clock.now <= 30.0


@pytest.mark.slow
def test_a_head_that_was_killed_reads_the_rest_only(experiment: Experiment, tmp_path: Path) -> None:
    head = with_training(experiment, adapt="head", checkpoint_steps=2)
    folder, clock = new_folder(head, tmp_path / "killed"), BudgetClock()

    class KillError(Exception): ...

    def kill(step: int) -> None:
        clock.now += 1
        if step == 7:
            raise KillError

    clock.on_progress = kill  # type: ignore[method-assign]
    with pytest.raises(KillError):
        run_bounded(head, folder, clock, 1e6)
    again = BudgetClock()
    model, _ = run_bounded(head, folder, again, 1e6)
    other, _ = run_bounded(head, new_folder(head, tmp_path / "whole"), BudgetClock(), 1e6)
    for one, two in zip(weights(model), weights(other), strict=True):
        assert one == pytest.approx(two, abs=1e-4)
    assert again.now < 24


def test_steps_are_counted_by_their_speed() -> None:
    clock = BudgetClock()
    steps = StepBudget(TimeBudget(100.0, clock=clock), epoch_steps=10, dev_steps=3, later_steps=6)
    assert (steps.steps_left, steps.is_over) == (math.inf, False)
    clock.now = 5.0
    steps.begin(1)
    clock.now = 25.0
    steps.record(11)
    # Two seconds a step, a tenth more for dev; then dev twice and the six at a third, traced as long as the first step.
    assert steps.steps_left == pytest.approx((75 - CLOSING_SECONDS - 5 - 2 * 12 / 3) / 2.2)
    # What comes before the steps of a later epoch is no tracing.
    clock.now = 100.0 - CLOSING_SECONDS - 5 - 8.1
    steps.begin(12)
    assert not steps.is_over
    clock.now += 0.2
    assert steps.is_over
    assert steps.steps_left == 0


def test_the_last_step_of_a_schedule_can_be_moved() -> None:
    settings = TrainingSettings(learning_rate=1.0, warmup_share=0.1)
    plain, shorter = make_schedule(settings, 100), make_schedule(settings, 40)
    schedule = MovableWarmupDecay(**plain.get_config())
    assert [float(schedule(step)) for step in range(101)] == [float(plain(step)) for step in range(101)]
    schedule.end_at(40)
    assert [float(schedule(step)) for step in range(41)] == [float(shorter(step)) for step in range(41)]
    assert json.loads(json.dumps(schedule.get_config())) == shorter.get_config()


@pytest.mark.parametrize(("seconds", "steps"), [(1e6, 12), (12.0, 6)])
def test_a_fitted_start_reads_for_half_of_the_time_at_most(shallow_preset: Path, seconds: float, steps: int) -> None:
    strategy = make_strategy("none")
    model, other = build(shallow_preset), build(shallow_preset)
    split = tokenize_split(model, table(0, 93))
    # A second passes between two looks at the clock.
    budget = TimeBudget(seconds, clock=map(float, itertools.count()).__next__)
    fit_start(model, model, split, strategy, StepPrecision(), batch_size=8, budget=budget)
    reader = FeatureReader(other, strategy, 8, mix=True)
    features = reader.read(split, earlier=[], scope=nullcontext, on_step=lambda _: None)
    rows = reader.read_rows(split, steps)
    assert len(rows) == min(8 * steps, 93)
    HeadSolver(other, features[rows], split.targets[rows]).fit(DEFAULT_PENALTY)
    np.testing.assert_allclose(model.head.kernel, other.head.kernel, atol=1e-3)
