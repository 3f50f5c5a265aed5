"""Runs that train a part of the weights, from settings to served answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

import tfapp
from tests.processes import call, complaint
from tests.toy import TOPICS, toy_experiment, toy_rows, toy_text
from tfapp import Run
from tfapp.errors import TrainingError
from tfapp.tasks.experiments import parse_experiment
from tfapp.tasks.models import load_model

pytestmark = pytest.mark.slow

TEXTS = [toy_text("sport", 901), toy_text("tech", 902), "", "ball " * 500, "Crème brûlée 今日は 😍"]
TRAINING: dict[str, dict[str, Any]] = {
    "lora": {
        "adapt": "lora",
        "epochs": 4,
        "learning_rate": 2e-2,
        "lora_rank": 4,
        "layer_decay": 0.9,
        "augment": {"share": 0.2},
    },
    "dora": {"adapt": "dora", "epochs": 4, "learning_rate": 2e-2, "lora_rank": 4, "lora_rank_stabilized": True},
    "adalora": {"adapt": "adalora", "epochs": 4, "learning_rate": 2e-2, "lora_rank": 4, "ema_decay": 0.9},
    "head": {"adapt": "head"},
}
TRAINED = {
    "lora": 2 * 2 * 4 * (32 + 32) + 99,
    "dora": 2 * 2 * (4 * (32 + 32) + 32) + 99,
    "adalora": 2 * 2 * 6 * (32 + 1 + 32) + 99,
    "head": 99,
}


@pytest.fixture(scope="module", params=TRAINING)
def events(
    request: pytest.FixtureRequest, toy_preset: Path, toy_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Any]]:
    """Returns what `tfapp train` prints for a program."""
    model = {"window": 16} if request.param == "head" else {}
    values = toy_experiment(toy_preset, toy_data, training=TRAINING[request.param], model=model)
    folder = tmp_path_factory.mktemp("runs")
    (folder / "toy.toml").write_text(tomli_w.dumps(values))
    result = call("train", folder / "toy.toml", "--runs", folder)
    assert (result.code, result.err) == (0, "")
    return [json.loads(line) for line in result.out.splitlines()]


@pytest.fixture(scope="module")
def run(events: list[dict[str, Any]]) -> Run:
    return tfapp.open_run(events[-1]["run"])


def test_a_run_says_how_many_weights_it_trained(run: Run, events: list[dict[str, Any]]) -> None:
    facts = run.folder.read("finished")
    assert facts["trained_weights"] == events[-1]["trained_weights"] == TRAINED[run.experiment.training.adapt]
    assert facts["weights"] == events[-1]["weights"] == load_model(run.folder.model).trainable_weights()
    report = run.folder.report.read_text()
    assert f"{facts['trained_weights']:,} of {facts['weights']:,}" in report
    assert ("20 % of train in each epoch: typos" in report) == (run.experiment.training.adapt == "lora")
    assert run.evaluation.main_score > 0.8
    assert run.evaluate() == run.evaluation


def test_fits_of_the_head_are_told_with_their_penalty(run: Run, events: list[dict[str, Any]]) -> None:
    penalties = [event.get("penalty") for event in events if event["event"] == "epoch"]
    if run.experiment.training.adapt == "head":
        assert penalties == sorted(penalties, reverse=True)
        assert len(penalties) == run.folder.read("finished")["epochs"] > 2
    else:
        assert penalties == [None] * run.experiment.training.epochs


def test_it_leaves_what_every_run_leaves(run: Run) -> None:
    files = ("settings.toml", "environment.json", "data.json", "history.jsonl", "evaluation.json", "report.html")
    assert {*files, "answers.parquet", "finished.json", "tensorboard", "model"} == {
        path.name for path in run.path.iterdir()
    }
    assert list(run.folder.tensorboard.glob("dev/*"))


def test_it_is_served_as_any_other(run: Run, tmp_path: Path) -> None:
    run.export(tmp_path)
    run_answers = run.predict(TEXTS)
    with tfapp.serve(tmp_path) as server:
        answers = server.client.classify("toy", TEXTS)
    for row, answer in enumerate(answers):
        np.testing.assert_allclose(list(answer.probabilities.values()), run_answers["probabilities"][row], atol=1e-4)
    facts = json.loads((tmp_path / "toy" / "1" / "assets.extra" / "tfapp.json").read_text())
    assert facts["verified_difference"] <= 1e-4


def test_a_head_of_several_labels_has_thresholds(toy_preset: Path, tmp_path: Path) -> None:
    topics = sorted(TOPICS)
    rows = [{"text": row["text"], "label": [row["label"]]} for row in toy_rows(90)]
    for number in range(60):
        pair = [topics[number % 3], topics[(number + 1) % 3]]
        rows.append({"text": " ".join(toy_text(topic, 500 + number) for topic in pair), "label": pair})
    file = tmp_path / "toy.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    values = toy_experiment(toy_preset, file, training={"adapt": "head"}, model={"multi_label": True})
    run = tfapp.fit(parse_experiment(values), runs=tmp_path / "runs", quiet=True)
    assert run.evaluation.main_score > 0.7
    assert run.evaluation.thresholds is not None
    assert set(run.evaluation.thresholds) != {0.5}


def test_what_does_not_fit_the_model_leaves_no_run_behind(toy_preset: Path, toy_data: Path, tmp_path: Path) -> None:
    values = toy_experiment(toy_preset, toy_data, training={"adapt": "lora", "lora_targets": ["qeury"]})
    with pytest.raises(TrainingError, match='did you mean "query"'):
        tfapp.fit(parse_experiment(values), runs=tmp_path / "runs", quiet=True)
    assert not (tmp_path / "runs").exists()
    (tmp_path / "toy.toml").write_text(tomli_w.dumps(values))
    message = complaint(call("train", tmp_path / "toy.toml", "--runs", tmp_path / "runs"))
    assert message.startswith("training.lora_targets: this BERT has no layer 'qeury'; did you mean")
