"""The training loop: it learns, repeats itself, goes on where it was killed, and splits over devices."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest

from tests.evaluators import fit_and_evaluate
from tests.toy import toy_rows
from tfapp.config import AugmentSettings, Experiment
from tfapp.errors import TrainingError
from tfapp.models import TaskModel
from tfapp.tasks.experiments import parse_experiment
from tfapp.tasks.models import build_model, load_model
from tfapp.training import HistoryObserver, TimeBudget, TokenizedSplit, make_strategy, tokenize_split, train
from tfapp.training.loop import _CHECKPOINT_SHARE
from tfapp.training.run_folder import RunFolder, create_run
from tfapp.training.tokenized_split import epoch_split
from tfapp.training.train_state import TrainState


class KilledError(Exception):
    """Stands for kill -9 at a chosen step."""


class Silent:
    """An observer that nothing is told."""

    def on_start(self, step: int, total_steps: int) -> None: ...

    def on_progress(self, step: int) -> None: ...

    def on_step(self, event: Any) -> None: ...

    def on_epoch(self, event: Any) -> None: ...


class KillAt(Silent):
    """An observer that ends the process, as it were, when a step is done."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_progress(self, step: int) -> None:
        if step == self.step:
            raise KilledError


class CopyAt(Silent):
    """An observer that copies the run's folder when a step is done: what a process leaves that is killed there."""

    def __init__(self, folder: RunFolder, copies: Path, *steps: int) -> None:
        self.folder, self.copies, self.steps = folder, copies, steps

    def on_progress(self, step: int) -> None:
        if step in self.steps:
            shutil.copytree(self.folder.path, self.copies / str(step))


def loop_experiment(preset: Path) -> Experiment:
    training = {"epochs": 2, "batch_size": 8, "learning_rate": 5e-3, "checkpoint_steps": 4, "log_steps": 3}
    model = {"preset": str(preset), "max_length": 16, "pooling": "mean"}
    return parse_experiment({"name": "toy", "data": {"train": "x"}, "model": model, "training": training})


@pytest.fixture(scope="module")
def experiment(shallow_preset: Path) -> Experiment:
    return loop_experiment(shallow_preset)


def table(start: int, stop: int) -> pa.Table:
    rows = toy_rows(stop)[start:]
    return pa.table({"text": [r["text"] for r in rows], "label": [r["label"] for r in rows], "row": range(start, stop)})


def run(
    experiment: Experiment,
    folder: RunFolder,
    *,
    observers: tuple[Any, ...] = (),
    strategy: Any = None,
    change: Callable[[TaskModel], None] = lambda _: None,
    budget: TimeBudget | None = None,
    clock: Callable[[], float] = time.monotonic,
    dtype: str = "float32",
    method: Callable[..., TrainState] | None = None,
) -> tuple[TaskModel, TrainState]:
    import keras

    strategy = strategy or make_strategy("none")
    keras.utils.set_random_seed(experiment.training.seed)
    with strategy.scope():
        model = build_model("classification", experiment.model, ["money", "sport", "tech"], dtype=dtype)
    change(model)
    train_split, dev_split = (tokenize_split(model, table(*span)) for span in ((0, 93), (93, 120)))
    state = train(
        model,
        strategy,
        train_split=train_split,
        dev_split=dev_split,
        settings=experiment.training,
        folder=folder,
        evaluate=fit_and_evaluate,
        observers=observers,
        budget=budget,
        clock=clock,
        method=method,
    )
    return model, state


def weights(model: TaskModel) -> list[np.ndarray]:
    return [np.asarray(weight.numpy()) for weight in model.network.weights]


def same(model: TaskModel, reference: TaskModel) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(weights(model), weights(reference), strict=True))


def new_folder(experiment: Experiment, path: Path) -> RunFolder:
    return create_run(experiment, path)


class Whole(NamedTuple):
    """A training that nothing interrupted; tests read it only."""

    model: TaskModel
    state: TrainState
    folder: RunFolder
    copies: Path

    def copy_at(self, step: int, path: Path) -> RunFolder:
        """The folder as it was when the step was done, to go on in."""
        return RunFolder(shutil.copytree(self.copies / str(step), path / "killed"))


def run_whole(experiment: Experiment, path: Path, *steps: int) -> Whole:
    """Trains, and keeps the folder as it was after these steps."""
    folder = new_folder(experiment, path / "whole")
    observers = (HistoryObserver(folder.history), CopyAt(folder, path, *steps))
    return Whole(*run(experiment, folder, observers=observers), folder, path)


@pytest.fixture(scope="module")
def whole(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return run_whole(experiment, tmp_path_factory.mktemp("whole"), 2, 7, 13, 18)


@pytest.fixture(scope="module")
def uninterrupted_model(whole: Whole) -> TaskModel:
    return whole.model


def with_training(experiment: Experiment, **training: Any) -> Experiment:
    return experiment.model_copy(update={"training": experiment.training.model_copy(update=training)})


def test_it_learns_and_keeps_the_best_weights(whole: Whole) -> None:
    assert whole.state.epoch == 2
    assert whole.state.best_score > 0.9
    best_model = load_model(whole.folder.model)
    side = tokenize_split(best_model, table(93, 120))
    logits = best_model.logits(best_model.preprocessor(list(side.raw_texts))).numpy()
    assert fit_and_evaluate(best_model, logits, side).main_score == pytest.approx(whole.state.best_score)


@pytest.mark.parametrize("killed_at", [*(pytest.param(step, marks=pytest.mark.slow) for step in (2, 7, 13)), 18])
def test_a_killed_run_ends_as_if_it_had_not_been(
    experiment: Experiment, tmp_path: Path, whole: Whole, killed_at: int
) -> None:
    folder = whole.copy_at(killed_at, tmp_path)
    model, state = run(experiment, folder, observers=(HistoryObserver(folder.history),))
    assert state.epoch == 2
    assert same(model, whole.model)
    steps = [json.loads(line)["step"] for line in folder.history.read_text().splitlines()]
    assert steps == sorted(steps)
    assert steps[-1] == 24


@pytest.mark.slow
def test_averaged_sharpness_aware_steps_on_changed_texts_go_on_after_a_kill(
    experiment: Experiment, tmp_path: Path, uninterrupted_model: TaskModel
) -> None:
    texts = AugmentSettings(share=0.2, kinds=("typos", "word-drop", "neighbours"))
    sharp = with_training(experiment, ema_decay=0.9, sam_rho=0.05, augment=texts)
    model, state, folder, _ = whole = run_whole(sharp, tmp_path, 18)
    assert state.best_score > 0.9
    # The average is what is kept; without it, the last weights are those of sharpness-aware steps.
    assert not same(load_model(folder.model), model)
    assert not same(model, uninterrupted_model)
    killed_folder = whole.copy_at(18, tmp_path)
    assert same(run(sharp, killed_folder)[0], model)
    assert same(load_model(killed_folder.model), load_model(folder.model))


def test_low_rank_steps_with_dropped_words_go_on_after_a_kill(experiment: Experiment, tmp_path: Path) -> None:
    low = with_training(experiment, sam_rho=0.05, adapt="lora", learning_rate=2e-2, word_dropout=0.3)
    model, state, *_ = whole = run_whole(low, tmp_path, 18)
    assert state.best_score > 0.9
    assert same(run(low, whole.copy_at(18, tmp_path))[0], model)


@pytest.mark.slow
@pytest.mark.parametrize("training", [{"r_drop_alpha": 0.5}, {"fgm_epsilon": 0.1, "adapt": "lora"}])
def test_steps_of_another_loss_go_on_after_a_kill(
    experiment: Experiment, tmp_path: Path, whole: Whole, training: dict[str, Any]
) -> None:
    robust = with_training(experiment, epochs=1, **training)
    robust_training = run_whole(robust, tmp_path, 7)
    assert same(run(robust, robust_training.copy_at(7, tmp_path))[0], robust_training.model)
    # The losses of two passes are summed, at weights that are the same at first.
    robust_loss, plain_loss = (
        json.loads(result.folder.history.open().readline())["loss"] for result in (robust_training, whole)
    )
    assert 1.8 < robust_loss / plain_loss < 2.5


def test_dropped_words_are_others_in_each_epoch(uninterrupted_model: TaskModel) -> None:
    side = tokenize_split(uninterrupted_model, table(0, 93))
    first, repeat, second = (
        epoch_split(uninterrupted_model, side, seed=0, epoch=epoch, word_dropout=0.3).texts for epoch in (0, 0, 1)
    )
    assert 0 < np.mean(first.ids != second.ids) < 1
    np.testing.assert_array_equal(first.ids, repeat.ids)
    np.testing.assert_array_equal(first.splits, side.texts.splits)


@pytest.mark.slow
def test_compiled_steps_learn_what_others_do_and_go_on_after_a_kill(
    still_experiment: Experiment, tmp_path: Path
) -> None:
    still_experiment = with_training(still_experiment, epochs=1)

    def compile_it(model: TaskModel) -> None:
        model.xla = True

    plain_model, _ = run(still_experiment, new_folder(still_experiment, tmp_path / "plain"))
    compiled_model, _ = run(still_experiment, new_folder(still_experiment, tmp_path / "compiled"), change=compile_it)
    for a, b in zip(weights(compiled_model), weights(plain_model), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4)
    killed_folder = new_folder(still_experiment, tmp_path / "killed")
    with pytest.raises(KilledError):
        run(still_experiment, killed_folder, observers=(KillAt(5),), change=compile_it)
    assert same(run(still_experiment, killed_folder, change=compile_it)[0], compiled_model)


@pytest.fixture(scope="module")
def timed_training(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> tuple[TaskModel, list[int]]:
    """The model of a training whose steps take ten seconds each, and after which its checkpoints, of one, were made."""
    seconds, steps_of_checkpoints = 0.0, []

    class Steps(Silent):
        def on_progress(self, step: int) -> None:
            nonlocal seconds
            seconds += 10
            self.step = step

    def save(*_: Any) -> None:
        nonlocal seconds
        seconds += 1
        steps_of_checkpoints.append(steps.step)

    steps, folder = Steps(), new_folder(experiment, tmp_path_factory.mktemp("timed"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tfapp.training.loop.save_checkpoint", save)
        # As it was when this file was imported, before the tests' own fixture took it away.
        patch.setattr("tfapp.training.loop._CHECKPOINT_SHARE", _CHECKPOINT_SHARE)
        model, _ = run(experiment, folder, observers=(steps,), clock=lambda: seconds)
    return model, steps_of_checkpoints


def test_checkpoints_take_a_fiftieth_of_the_time(timed_training: tuple[TaskModel, list[int]]) -> None:
    # Four steps after the start, then fifty seconds after the last was written.
    assert timed_training[1] == [4, 9, 14, 19, 24]


def test_the_same_seed_gives_the_same_weights(
    timed_training: tuple[TaskModel, list[int]], uninterrupted_model: TaskModel
) -> None:
    assert same(timed_training[0], uninterrupted_model)


def test_a_checkpoint_of_another_model_is_named(experiment: Experiment, tmp_path: Path) -> None:
    folder = new_folder(experiment, tmp_path)
    np.savez(folder.checkpoint, **{"00000": np.zeros(3)}, meta=np.array("{}"))
    with pytest.raises(TrainingError, match="of another model"):
        run(experiment, folder)


def test_a_loss_that_is_no_number_stops_the_run(experiment: Experiment, tmp_path: Path) -> None:
    wild = with_training(experiment, learning_rate=1e30, clip_norm=1e30)
    with pytest.raises(TrainingError, match=r"lower training\.learning_rate"):
        run(wild, new_folder(wild, tmp_path))


@pytest.fixture(scope="module")
def idle_training(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """A training of batches with room for all texts, in which nothing is learnt."""
    slow = with_training(experiment, batch_size=100, learning_rate=1e-12, epochs=6, patience=2)
    return run_whole(slow, tmp_path_factory.mktemp("idle"))


def test_patience_stops_before_the_last_epoch(idle_training: Whole) -> None:
    assert idle_training.state.epoch == 1 + 2


def test_a_last_batch_that_is_not_full_counts_each_text_once(idle_training: Whole) -> None:
    """A batch of 100 with 93 texts has weights of 0 for the topped-up rows, so it gives the plain mean."""
    side: TokenizedSplit = tokenize_split(idle_training.model, table(0, 93))
    first = json.loads(idle_training.folder.history.read_text().splitlines()[0])
    logits = idle_training.model.logits(idle_training.model.preprocessor(list(side.raw_texts)))
    # Dropout is on in training, so the two agree roughly only; counting a text twice would not matter here, but a
    # mean over 100 rows would be 7 % off.
    assert first["loss"] == pytest.approx(float(np.mean(idle_training.model.loss(side.targets, logits))), rel=0.05)


@pytest.fixture(scope="module")
def still_experiment(experiment: Experiment, still_preset: Path) -> Experiment:
    """A model without dropout, of which replicas and compiled networks draw other numbers."""
    without = {"preset": str(still_preset), "dropout": 0.0}
    return experiment.model_copy(update={"model": experiment.model.model_copy(update=without)})


@pytest.fixture(scope="module")
def short_experiment(still_experiment: Experiment) -> Experiment:
    """Three steps, averaged."""
    return with_training(
        still_experiment, ema_decay=0.99, batch_size=32, epochs=1, learning_rate=1e-2, warmup_share=0.0
    )


@pytest.fixture(scope="module")
def short_training(short_experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return run_whole(short_experiment, tmp_path_factory.mktemp("few"))


def test_an_average_over_few_steps_is_one_of_trained_weights(short_training: Whole) -> None:
    # After three steps there is one point: the weights of the last of them.
    for mean_weight, last_weight in zip(
        weights(load_model(short_training.folder.model)), weights(short_training.model), strict=True
    ):
        np.testing.assert_allclose(mean_weight, last_weight, atol=1e-6)


def test_two_replicas_learn_what_one_learns(
    short_experiment: Experiment, short_training: Whole, tmp_path: Path, two_devices: list[str]
) -> None:
    two_replicas = make_strategy("mirrored", devices=two_devices)
    folder = new_folder(short_experiment, tmp_path)
    replicated_model, _ = run(short_experiment, folder, strategy=two_replicas)
    for single, replica_values in (
        (short_training.model, replicated_model),
        (load_model(short_training.folder.model), load_model(folder.model)),
    ):
        for a, b in zip(weights(single), weights(replica_values), strict=True):
            np.testing.assert_allclose(a, b, atol=2e-4)


def test_a_batch_that_does_not_divide_is_named(experiment: Experiment, tmp_path: Path, two_devices: list[str]) -> None:
    odd_experiment = with_training(experiment, batch_size=7)
    with pytest.raises(TrainingError, match="multiple of the 2 devices"):
        run(
            odd_experiment,
            new_folder(odd_experiment, tmp_path),
            strategy=make_strategy("mirrored", devices=two_devices),
        )
