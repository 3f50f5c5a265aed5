"""The settings files of examples/, and one of them trained at toy size."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.text_classes import load
from tfapp import assets
from tfapp.api import Run, fit
from tfapp.tasks.experiments import load_experiment

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.toml"))
TOPICS = ("account", "billing", "delivery", "product", "returns")
MESSAGES = f"data.train={ROOT / 'examples/data/support-topics.csv'}"


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_every_example_loads_and_its_data_exist(file: Path) -> None:
    experiment = load_experiment(file)
    assert experiment.name == file.stem
    assert (ROOT / experiment.data.train).is_file() or assets.find(experiment.data.train, kind="dataset")


def test_every_labelled_data_set_has_an_example() -> None:
    names = {name for name, asset in assets.catalogue().items() if asset.kind == "dataset" and asset.data}
    assert names <= {load_experiment(file).data.train for file in EXAMPLES}


def test_the_baseline_differs_in_the_model_and_its_training_alone() -> None:
    bert, lstm = (load_experiment(ROOT / "examples" / f"{name}.toml") for name in ("bbc-news", "bbc-news-lstm"))
    assert lstm.data == bert.data
    assert (bert.model.kind, lstm.model.kind) == ("bert", "lstm")
    assert lstm.model.max_length == bert.model.max_length


def test_support_messages_need_no_cleaning_and_reach_every_split() -> None:
    settings = load_experiment(ROOT / "examples/support-topics.toml", [MESSAGES]).data
    data = load(settings, multi_label=True)
    assert data.labels == TOPICS
    assert data.report.to_dict()["findings"] == []
    assert all(set(counts) == set(TOPICS) for counts in data.report.to_dict()["label_counts"].values())


@pytest.fixture(scope="module")
def support_run(shallow_preset: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    overrides = [MESSAGES, f"model.preset={shallow_preset}", "training.epochs=1"]
    experiment = load_experiment(ROOT / "examples/support-topics.toml", overrides)
    return fit(experiment, runs=tmp_path_factory.mktemp("runs"), quiet=True)


def test_support_topics_trains_on_a_toy_preset(support_run: Run) -> None:
    assert support_run.folder.is_finished
    assert support_run.evaluation.multi_label
    assert support_run.evaluation.labels == TOPICS


def test_support_topics_may_answer_several_labels(support_run: Run) -> None:
    answers = support_run.predict(["where is my refund", "my parcel is late"])
    assert answers["probabilities"].shape == answers["chosen"].shape == (2, len(TOPICS))
    assert set(answers["label"]) <= set(TOPICS)
