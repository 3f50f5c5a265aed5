"""The training loop: it learns, repeats itself, goes on where it was killed, and splits over devices."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.toy import toy_rows, write_toy_preset
from tfapp.config import Experiment, parse_experiment
from tfapp.errors import TrainingError
from tfapp.models import TaskModel, build_model, load_model
from tfapp.training import HistoryObserver, Side, judge_dev, make_side, make_strategy, train
from tfapp.training.loop import _CHECKPOINT_SHARE, TrainState
from tfapp.training.run_folder import RunFolder, create_run
from tfapp.training.sides import epoch_side


class KilledError(Exception):
    """Stands for kill -9 at a chosen step."""


class KillAt:
    """An observer that ends the process, as it were, when a step is done."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_start(self, step: int, total_steps: int) -> None: ...

    def on_progress(self, step: int) -> None:
        if step == self.step:
            raise KilledError

    def on_step(self, event: Any) -> None: ...

    def on_epoch(self, event: Any) -> None: ...


@pytest.fixture(scope="module")
def experiment(shallow_preset: Path) -> Experiment:
    training = {"epochs": 2, "batch_size": 8, "learning_rate": 5e-3, "checkpoint_steps": 4, "log_steps": 3}
    model = {"preset": str(shallow_preset), "max_length": 16, "pooling": "mean"}
    return parse_experiment({"name": "toy", "data": {"train": "x"}, "model": model, "training": training})


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
    clock: Callable[[], float] = time.monotonic,
) -> tuple[TaskModel, TrainState]:
    import keras

    strategy = strategy or make_strategy("none")
    keras.utils.set_random_seed(experiment.training.seed)
    with strategy.scope():
        model = build_model("classification", experiment.model, ["money", "sport", "tech"])
    change(model)
    train_side, dev_side = (make_side(model, table(*span)) for span in ((0, 93), (93, 120)))
    state = train(
        model,
        strategy,
        train_side=train_side,
        dev_side=dev_side,
        settings=experiment.training,
        folder=folder,
        evaluate=judge_dev,
        observers=observers,
        clock=clock,
    )
    return model, state


def weights(model: TaskModel) -> list[np.ndarray]:
    return [np.asarray(weight.numpy()) for weight in model.network.weights]


def same(one: TaskModel, two: TaskModel) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(weights(one), weights(two), strict=True))


def new_folder(experiment: Experiment, path: Path) -> RunFolder:
    return create_run(experiment, path)


def test_it_learns_and_keeps_the_best_weights(experiment: Experiment, tmp_path: Path) -> None:
    folder = new_folder(experiment, tmp_path)
    _, state = run(experiment, folder)
    assert state.epoch == 2
    assert state.best_score > 0.9
    kept = load_model(folder.model)
    side = make_side(kept, table(93, 120))
    logits = kept.logits(kept.preprocessor(list(side.raw))).numpy()
    assert judge_dev(kept, logits, side).main_score == pytest.approx(state.best_score)


@pytest.mark.parametrize(
    "killed_at", [pytest.param(2, marks=pytest.mark.slow), pytest.param(7, marks=pytest.mark.slow), 13]
)
def test_a_killed_run_ends_as_if_it_had_not_been(
    experiment: Experiment, tmp_path: Path, uninterrupted: TaskModel, killed_at: int
) -> None:
    folder = new_folder(experiment, tmp_path)
    with pytest.raises(KilledError):
        run(experiment, folder, observers=(HistoryObserver(folder.history), KillAt(killed_at)))
    model, state = run(experiment, folder, observers=(HistoryObserver(folder.history),))
    assert state.epoch == 2
    assert same(model, uninterrupted)
    steps = [json.loads(line)["step"] for line in folder.history.read_text().splitlines()]
    assert steps == sorted(steps)
    assert steps[-1] == 24


@pytest.fixture(scope="module")
def uninterrupted(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> TaskModel:
    return run(experiment, new_folder(experiment, tmp_path_factory.mktemp("whole")))[0]


def test_the_average_of_the_weights_is_what_is_kept(experiment: Experiment, tmp_path: Path) -> None:
    training = experiment.training.model_copy(update={"ema_decay": 0.9})
    averaged = experiment.model_copy(update={"training": training})
    whole, killed = (new_folder(averaged, tmp_path / name) for name in ("whole", "killed"))
    model, state = run(averaged, whole)
    assert state.best_score > 0.9
    assert not same(load_model(whole.model), model)
    with pytest.raises(KilledError):
        run(averaged, killed, observers=(KillAt(13),))
    again, _ = run(averaged, killed)
    assert same(again, model)
    assert same(load_model(killed.model), load_model(whole.model))


@pytest.mark.parametrize("changes", [{}, {"adapt": "lora", "learning_rate": 2e-2}])
def test_sharpness_aware_steps_learn_and_go_on_after_a_kill(
    experiment: Experiment, tmp_path: Path, uninterrupted: TaskModel, changes: dict[str, Any]
) -> None:
    training = experiment.training.model_copy(update={"sam_rho": 0.05, **changes})
    sharp = experiment.model_copy(update={"training": training})
    model, state = run(sharp, new_folder(sharp, tmp_path / "whole"))
    assert state.best_score > 0.9
    assert not same(model, uninterrupted)
    killed = new_folder(sharp, tmp_path / "killed")
    with pytest.raises(KilledError):
        run(sharp, killed, observers=(KillAt(13),))
    assert same(run(sharp, killed)[0], model)


@pytest.mark.slow
def test_compiled_steps_learn_what_others_do_and_go_on_after_a_kill(experiment: Experiment, tmp_path: Path) -> None:
    preset = write_toy_preset(tmp_path / "still", layers=1, dropout=0.0)
    model_settings = experiment.model.model_copy(update={"preset": str(preset), "dropout": 0.0})
    short = experiment.training.model_copy(update={"epochs": 1})
    still = experiment.model_copy(update={"model": model_settings, "training": short})

    def compile_it(model: TaskModel) -> None:
        model.xla = True

    plain, _ = run(still, new_folder(still, tmp_path / "plain"))
    compiled, _ = run(still, new_folder(still, tmp_path / "compiled"), change=compile_it)
    for a, b in zip(weights(compiled), weights(plain), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4)
    killed = new_folder(still, tmp_path / "killed")
    with pytest.raises(KilledError):
        run(still, killed, observers=(KillAt(5),), change=compile_it)
    assert same(run(still, killed, change=compile_it)[0], compiled)


def test_checkpoints_take_a_fiftieth_of_the_time(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds, saved = 0.0, []

    class Steps(HistoryObserver):
        def on_progress(self, step: int) -> None:
            nonlocal seconds
            seconds += 10
            self.step = step

    def save(*_: Any) -> None:
        nonlocal seconds
        seconds += 1
        saved.append(steps.step)

    monkeypatch.setattr("tfapp.training.loop.save_checkpoint", save)
    # As it was when this file was imported, before the tests' own fixture took it away.
    monkeypatch.setattr("tfapp.training.loop._CHECKPOINT_SHARE", _CHECKPOINT_SHARE)
    steps = Steps(tmp_path / "history.jsonl")
    run(experiment, new_folder(experiment, tmp_path), observers=(steps,), clock=lambda: seconds)
    # Four steps after the start, then fifty seconds after the last was written.
    assert saved == [4, 9, 14, 19, 24]


def test_an_average_over_few_steps_is_one_of_trained_weights(experiment: Experiment, tmp_path: Path) -> None:
    changes = {"ema_decay": 0.99, "batch_size": 31, "epochs": 1, "learning_rate": 1e-2, "warmup_share": 0.0}
    few = experiment.model_copy(update={"training": experiment.training.model_copy(update=changes)})
    folder = new_folder(few, tmp_path)
    model, _ = run(few, folder)
    # After three steps there is one point: the weights of the last of them.
    for kept, last in zip(weights(load_model(folder.model)), weights(model), strict=True):
        np.testing.assert_allclose(kept, last, atol=1e-6)


def test_dropped_words_are_others_in_each_epoch_and_the_same_when_a_run_goes_on(
    experiment: Experiment, tmp_path: Path
) -> None:
    training = experiment.training.model_copy(update={"word_dropout": 0.3})
    dropping = experiment.model_copy(update={"training": training})
    model, _ = run(dropping, new_folder(dropping, tmp_path / "whole"))
    killed = new_folder(dropping, tmp_path / "killed")
    with pytest.raises(KilledError):
        run(dropping, killed, observers=(KillAt(13),))
    assert same(run(dropping, killed)[0], model)
    side = make_side(model, table(0, 93))
    first, second = (epoch_side(model, side, seed=0, epoch=epoch, word_dropout=0.3).texts for epoch in (0, 1))
    assert 0 < np.mean(first.ids != second.ids) < 1
    np.testing.assert_array_equal(first.splits, side.texts.splits)


def test_the_same_seed_gives_the_same_weights(experiment: Experiment, tmp_path: Path, uninterrupted: TaskModel) -> None:
    assert same(run(experiment, new_folder(experiment, tmp_path))[0], uninterrupted)


def test_a_checkpoint_of_another_model_is_named(experiment: Experiment, tmp_path: Path) -> None:
    folder = new_folder(experiment, tmp_path)
    np.savez(folder.checkpoint, **{"00000": np.zeros(3)}, meta=np.array("{}"))
    with pytest.raises(TrainingError, match="of another model"):
        run(experiment, folder)


def test_a_loss_that_is_no_number_stops_the_run(experiment: Experiment, tmp_path: Path) -> None:
    wild = experiment.training.model_copy(update={"learning_rate": 1e30, "clip_norm": 1e30})
    with pytest.raises(TrainingError, match=r"lower training\.learning_rate"):
        run(experiment.model_copy(update={"training": wild}), new_folder(experiment, tmp_path))


def test_patience_stops_before_the_last_epoch(experiment: Experiment, tmp_path: Path) -> None:
    idle = experiment.training.model_copy(update={"learning_rate": 1e-12, "epochs": 6, "patience": 2})
    _, state = run(experiment.model_copy(update={"training": idle}), new_folder(experiment, tmp_path))
    assert state.epoch < 6


def test_a_last_batch_that_is_not_full_counts_each_text_once(experiment: Experiment, tmp_path: Path) -> None:
    """93 texts in batches of 8: the weights of the topped-up rows are 0, so a batch of 93 gives the plain mean."""
    whole = experiment.training.model_copy(update={"batch_size": 100, "epochs": 1, "learning_rate": 1e-12})
    folder = new_folder(experiment, tmp_path)
    observer = HistoryObserver(folder.history)
    model, _ = run(experiment.model_copy(update={"training": whole}), folder, observers=(observer,))
    side: Side = make_side(model, table(0, 93))
    first = json.loads(folder.history.read_text().splitlines()[0])
    logits = model.logits(model.preprocessor(list(side.raw)))
    # Dropout is on in training, so the two agree roughly only; counting a text twice would not matter here, but a
    # mean over 100 rows would be 7 % off.
    assert first["loss"] == pytest.approx(float(np.mean(model.loss(side.targets, logits))), rel=0.05)


def test_two_replicas_learn_what_one_learns(experiment: Experiment, tmp_path: Path, two_devices: list[str]) -> None:
    preset = write_toy_preset(tmp_path / "still", layers=1, dropout=0.0)
    still = experiment.model_copy(
        update={"model": experiment.model.model_copy(update={"preset": str(preset), "dropout": 0.0})}
    )
    one, _ = run(still, new_folder(still, tmp_path / "one"))
    mirrored = make_strategy("mirrored", devices=two_devices)
    two, _ = run(still, new_folder(still, tmp_path / "two"), strategy=mirrored)
    for a, b in zip(weights(one), weights(two), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4)


def test_a_batch_that_does_not_divide_is_named(experiment: Experiment, tmp_path: Path, two_devices: list[str]) -> None:
    odd = experiment.model_copy(update={"training": experiment.training.model_copy(update={"batch_size": 7})})
    with pytest.raises(TrainingError, match="multiple of the 2 devices"):
        run(odd, new_folder(odd, tmp_path), strategy=make_strategy("mirrored", devices=two_devices))
