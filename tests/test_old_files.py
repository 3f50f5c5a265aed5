"""Runs, models, settings and labels that an earlier version wrote still open, and answer as they did."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tfapp_client import Client, Entity

import tfapp
from tests.old_files import ARCHIVES, FOLDER, read_recorded, unpack, unpack_models
from tests.registry.fake_versions import add_versions
from tfapp.config.task_settings import foreign_fields
from tfapp.errors import SettingsError
from tfapp.models import load_preset
from tfapp.registry import LabelStore
from tfapp.server import running_server
from tfapp.tasks.experiments import load_experiment, task_settings
from tfapp.tasks.models import build_model
from tfapp.tasks.pretraining.evaluation_result import LanguageEvaluation
from tfapp.tasks.registry import find_task

TASKS = ["classification", "ranking", "tagging", "answering"]
RUNS: list[Any] = [
    *(("files", task) for task in TASKS if task != "tagging"),
    # Its answers have no spans; those of the other one have.
    pytest.param("files", "tagging", marks=pytest.mark.slow),
    *(("more", name) for name in ("pair-classification", "embedding", "tagging", "lstm")),
]
# Of `models.tar.xz`.
MODELS = ["pair-classification", "ranking", "tagging", "answering", "embedding", "lstm"]


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of each archive, in a folder of its name."""
    folder = tmp_path_factory.mktemp("old")
    for archive in ARCHIVES:
        unpack(archive, folder / archive)
    return folder


def _recorded_answers(archive: Path, name: str) -> tuple[list[Any], dict[str, Any]]:
    values = read_recorded(archive, name)
    rows = [tuple(row) if isinstance(row, list) else row for row in values["texts"]]
    return rows, values["answers"]


def _check(answers: dict[str, np.ndarray], expected: dict[str, Any]) -> None:
    assert set(answers) == set(expected)
    for name, values in expected.items():
        if answers[name].dtype.kind == "f":
            np.testing.assert_allclose(answers[name], values, atol=1e-4)
        else:
            assert answers[name].tolist() == values


def test_runs_are_listed_and_compared_with_those_of_today(old: Path) -> None:
    records = tfapp.list_runs(old / "files", name="runs")
    assert [(record.task, record.state, record.problem) for record in records] == [
        (task, "finished", "") for task in sorted(TASKS)
    ]
    assert all(record.dev and record.evaluation and record.seconds is None for record in records)
    comparison = tfapp.compare_runs(records[0].path, records[1].path)
    assert comparison.verdict == "not compared: F1 and accuracy are different scores"


@pytest.mark.parametrize(("archive", "name"), RUNS)
def test_a_run_opens_and_answers_as_it_did(old: Path, archive: str, name: str) -> None:
    rows, expected = _recorded_answers(old / archive, name)
    run = tfapp.open_run(old / archive / "runs" / name)
    assert (run.experiment.task, run.experiment.network.kind) == (
        ("classification", "lstm") if name == "lstm" else (name, "bert")
    )
    assert run.evaluation.count > 0
    _check(run.predict(rows), expected)


def test_a_pretraining_run_opens_and_other_models_start_from_its_preset(old: Path) -> None:
    values = read_recorded(old / "more", "pretraining")
    run = tfapp.open_run(old / "more/runs/pretraining")
    assert isinstance(run.evaluation, LanguageEvaluation)
    assert {name: getattr(run.evaluation, name) for name in values["evaluation"]} == values["evaluation"]
    other = run.evaluate(old / "more/lines.txt")
    assert isinstance(other, LanguageEvaluation)
    assert other.count == values["lines"]["count"]
    assert other.perplexity == pytest.approx(values["lines"]["perplexity"], rel=1e-4)
    assert list(load_preset(str(run.folder.preset)).vocabulary) == values["vocabulary"]
    settings = find_task("embedding").settings.model(preset=str(run.folder.preset), max_length=32, pooling="mean")
    model = build_model("embedding", settings, ())
    answers = model.predict_text({"text": tf.constant(values["texts"])})
    _check({name: value.numpy() for name, value in answers.items()}, values["answers"])


def test_an_exported_model_answers_as_it_did_here_and_served(old: Path) -> None:
    rows, expected = _recorded_answers(old / "files", "classification")
    models = old / "files" / "models"
    _check(tfapp.predict(models / "classification", rows), expected)
    with running_server(models, port=0) as server, Client(server.address) as client:
        answers = client.classify("classification", rows)
    assert [answer.label for answer in answers] == expected["label"]


@pytest.fixture(scope="module")
def old_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models folder with an export of each other task, and of the LSTM."""
    return unpack_models(tmp_path_factory.mktemp("old-models"))


@pytest.mark.parametrize("name", MODELS)
def test_an_exported_model_of_each_task_answers_as_it_did_here(old_models: Path, name: str) -> None:
    rows, expected = _recorded_answers(old_models, name)
    _check(tfapp.predict(old_models / name, rows), expected)


@pytest.mark.slow
def test_an_exported_model_of_each_task_is_served_and_read_by_the_client(old_models: Path) -> None:
    with running_server(old_models, port=0) as server, Client(server.address) as client:
        for name in MODELS:
            rows, expected = _recorded_answers(old_models, name)
            _check(_client_answers(client, name, rows), expected)


def _client_answers(client: Client, name: str, rows: list[Any]) -> dict[str, np.ndarray]:
    """Returns what a typed call says, as the outputs of the model that say it."""
    if name == "embedding":
        return {"embedding": client.embed(name, rows)}
    if name == "ranking":
        return {"score": np.array(client.score(name, rows))}
    if name == "answering":
        answers = client.answer(name, rows)
        names = {"answer": "text", "start": "start", "end": "end", "score": "score"}
        return {output: np.array([getattr(answer, field) for answer in answers]) for output, field in names.items()}
    if name == "tagging":
        texts = client.tag(name, rows)
        width = max(len(entities) for entities in texts)
        padding = Entity("", "", -1, -1, 0.0)
        padded = [[*entities, *[padding] * (width - len(entities))] for entities in texts]
        return {
            output: np.array([[getattr(entity, output) for entity in entities] for entities in padded])
            for output in ("tag", "start", "end", "score")
        }
    classify = client.classify if name == "lstm" else client.classify_pairs
    results = classify(name, rows)
    return {
        "label": np.array([result.label for result in results]),
        "score": np.array([result.score for result in results]),
        "probabilities": np.array([list(result.probabilities.values()) for result in results]),
        "labels": np.array([list(result.probabilities) for result in results]),
    }


@pytest.mark.parametrize("task", [file.stem for file in sorted((FOLDER / "settings").glob("*.toml"))])
def test_settings_of_all_tasks_mean_what_they_meant(task: str) -> None:
    file = FOLDER / "settings" / f"{task}.toml"
    settings = tomllib.loads(file.read_text(encoding="utf-8"))
    experiment = load_experiment(file)
    assert (experiment.name, experiment.task) == ("old", task)
    for section in ("data", "model", "training", "export"):
        values = getattr(experiment, section).model_dump(mode="json")
        same = {name: value for name, value in settings[section].items() if name in values}
        assert {name: values[name] for name in same} == same
        left_out = {f"{section}.{name}" for name in settings[section].keys() - same.keys()}
        # Each at its default; the next test has another value.
        assert left_out <= foreign_fields(task_settings()[task], task_settings().values()).keys()


def test_a_setting_of_another_task_is_refused_where_it_has_another_value_than_its_default() -> None:
    file = FOLDER / "settings" / "tagging.toml"
    with pytest.raises(SettingsError, match=r"model\.lstm_units is not read by the task tagging; remove it"):
        load_experiment(file, ["model.lstm_units=128"])
    assert load_experiment(FOLDER / "settings" / "classification.toml", ["model.lstm_units=128"]).model


def test_labels_of_models_and_their_history_mean_what_they_meant(tmp_path: Path) -> None:
    for file in ("models.config", "models.config.history.jsonl"):
        shutil.copy(FOLDER / "labels" / file, tmp_path)
    add_versions(tmp_path, "news", 1, 2, 3, 4)
    add_versions(tmp_path, "mail", 1)
    store = LabelStore.open(tmp_path)
    for name, values in json.loads((FOLDER / "labels" / "labels.json").read_text(encoding="utf-8")).items():
        assert store.model(name).labels == values["labels"]
        assert sorted(store.served_versions(name)) == values["served"]
        assert store.previous_version(name, "stable") == values["previous"]
        assert sorted(store.protected_versions(name)) == values["protected"]
    lines = (tmp_path / "models.config.history.jsonl").read_text(encoding="utf-8").splitlines()
    assert [change.to_dict() for change in store.changes()] == [json.loads(line) for line in lines]
