"""Learning from few texts: partners, two phases as one training, killed and gone on with, without a dev split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tfapp
from tests.evaluators import fit_and_evaluate
from tests.toy import toy_experiment, toy_text
from tests.training.test_loop import KillAt, KilledError, same, table
from tfapp import Run
from tfapp.config import Experiment
from tfapp.errors import SettingsError
from tfapp.models import TaskModel
from tfapp.tasks.classification.few_shot import draw_partners, train_few_shot
from tfapp.tasks.experiments import load_experiment, parse_experiment
from tfapp.tasks.models import build_model
from tfapp.training import (
    HistoryObserver,
    RunFolder,
    TrainState,
    create_run,
    make_strategy,
    tokenize_split,
    train,
)

ROOT = Path(__file__).parents[3]


@given(st.lists(st.integers(-1, 3), max_size=30), st.integers(0, 9))
def test_a_partner_is_another_text_of_the_class(classes: list[int], seed: int) -> None:
    given_classes = np.array(classes, np.int32)
    partners = draw_partners(given_classes, seed)
    for text, partner in enumerate(partners):
        alone = classes[text] < 0 or classes.count(classes[text]) == 1
        assert (partner == text) == alone
        assert classes[partner] == classes[text]
    np.testing.assert_array_equal(draw_partners(given_classes, seed), partners)


def test_other_seeds_give_other_partners() -> None:
    classes = np.zeros(50, np.int32)
    assert (draw_partners(classes, 0) != draw_partners(classes, 1)).any()


@pytest.fixture(scope="module")
def experiment(shallow_preset: Path) -> Experiment:
    training = {
        "method": "few-shot",
        "epochs": 3,
        "batch_size": 8,
        "learning_rate": 2e-3,
        "checkpoint_steps": 2,
        "log_steps": 3,
    }
    model = {"preset": str(shallow_preset), "max_length": 16}
    data = {"train": "x", "dev_share": 0}
    return parse_experiment({"name": "toy", "data": data, "model": model, "training": training})


def learn(
    experiment: Experiment, folder: RunFolder, *observers: Any, dev: pa.Table | None = None
) -> tuple[TaskModel, TrainState]:
    import keras

    keras.utils.set_random_seed(0)
    model = build_model("classification", experiment.network, ["money", "sport", "tech"])
    state = train(
        model,
        make_strategy("none"),
        train_split=tokenize_split(model, table(0, 24)),
        dev_split=tokenize_split(model, table(0, 0) if dev is None else dev),
        settings=experiment.training,
        folder=folder,
        evaluate=fit_and_evaluate,
        observers=observers,
        method=train_few_shot,
    )
    return model, state


@pytest.fixture(scope="module")
def whole(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> tuple[TaskModel, list[dict[str, Any]]]:
    folder = create_run(experiment, tmp_path_factory.mktemp("whole"))
    model, _ = learn(experiment, folder, HistoryObserver(folder.history))
    return model, [json.loads(line) for line in folder.history.read_text().splitlines()]


def test_both_phases_are_one_training(whole: tuple[TaskModel, list[dict[str, Any]]]) -> None:
    model, lines = whole
    side = tokenize_split(model, table(100, 160))
    logits = model.logits(model.preprocessor(list(side.raw_texts))).numpy()
    assert fit_and_evaluate(model, logits, side).main_score > 0.9
    assert [line["step"] for line in lines] == [3, 6, 9]
    losses = [line["loss"] for line in lines]
    assert losses[-1] < losses[0]


@pytest.mark.slow
def test_a_run_killed_in_both_phases_ends_as_if_it_had_not_been(
    experiment: Experiment, tmp_path: Path, whole: tuple[TaskModel, list[dict[str, Any]]]
) -> None:
    folder = create_run(experiment, tmp_path)
    for killed_at in (5, 10):
        with pytest.raises(KilledError):
            learn(experiment, folder, HistoryObserver(folder.history), KillAt(killed_at))
    model, _ = learn(experiment, folder, HistoryObserver(folder.history))
    assert same(model, whole[0])
    steps = [json.loads(line)["step"] for line in folder.history.read_text().splitlines()]
    assert steps == [3, 6, 9]


@pytest.mark.slow
def test_with_dev_the_penalty_is_chosen_by_it(experiment: Experiment, tmp_path: Path) -> None:
    folder = create_run(experiment, tmp_path)
    _, state = learn(experiment, folder, HistoryObserver(folder.history), dev=table(30, 60))
    assert state.epoch > 1
    events = [json.loads(line) for line in folder.history.read_text().splitlines()]
    fits = [event for event in events if event["event"] == "epoch"]
    assert all(event["step"] > 9 for event in fits)
    assert len({event["penalty"] for event in fits}) == state.epoch


def test_a_run_learns_from_a_few_texts_a_label(shallow_preset: Path, toy_data: Path, tmp_path: Path) -> None:
    values = toy_experiment(shallow_preset, toy_data, training={"method": "few-shot", "epochs": 4, "adapt": "lora"})
    values["data"] |= {"per_class": 8, "dev_share": 0}
    run: Run = tfapp.fit(parse_experiment(values), runs=tmp_path, quiet=True)
    assert run.folder.read("data")["report"]["rows"]["train"] == 24
    assert run.evaluation.main_score > 0.8
    assert run.folder.read("finished")["dev_score"] is None
    assert not run.folder.first_phase.exists()
    # The adapter of the first phase, and the output layer of the second.
    backbone = tfapp.AdaptedBackbone(str(shallow_preset))
    backbone.load("toy", run.save_adapter(tmp_path / "toy.safetensors"))
    backbone.switch("toy")
    texts = [toy_text("sport", 901), toy_text("tech", 902)]
    expected = run.predict(texts)["probabilities"]
    np.testing.assert_allclose(backbone.predict(texts)["probabilities"], expected, atol=1e-4)
    assert {path.name for path in run.path.iterdir()} >= {"model", "history.jsonl", "report.html"}


@pytest.mark.parametrize(
    ("changes", "complains"),
    [
        ({"model": {"kind": "lstm"}}, "cannot train a lstm"),
        ({"model": {"multi_label": True}}, "needs one label a text"),
        ({"model": {"pooling": "cls"}}, "compares the mean or maximum of the tokens"),
        ({"training": {"method": "few-shot", "adapt": "head"}}, "and adapt head exclude each other"),
        ({"data": {"train": "x", "dev_share": 0, "unknown_label": "other"}}, "needs a dev split"),
    ],
)
def test_settings_that_do_not_go_together_are_named(changes: dict[str, Any], complains: str) -> None:
    plain = {"name": "x", "data": {"train": "x"}, "training": {"method": "few-shot"}}
    with pytest.raises(SettingsError, match=f"training.method few-shot {complains}"):
        parse_experiment(plain | changes)


def test_the_head_reads_the_mean_unless_it_is_said_otherwise(experiment: Experiment) -> None:
    assert (experiment.model.pooling, experiment.network.pooling) == (None, "mean")
    other_experiment = experiment.model_copy(update={"model": experiment.model.model_copy(update={"pooling": "max"})})
    assert other_experiment.network.pooling == "max"


@pytest.mark.slow
def test_the_example_trains_at_toy_size(shallow_preset: Path, tmp_path: Path) -> None:
    data = ROOT / "examples/data/support-messages.csv"
    overrides = [f"data.train={data}", f"model.preset={shallow_preset}", "training.epochs=1"]
    run = tfapp.fit(load_experiment(ROOT / "examples/few-shot.toml", overrides), runs=tmp_path, quiet=True)
    assert run.folder.read("data")["report"]["rows"]["train"] == 40
    assert run.evaluation.count == 18
