"""Regression of texts and of pairs at toy size: from a settings file to served numbers."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import prediction_service_pb2_grpc, regression_pb2
from tfapp_client import AsyncClient, contract

import tfapp
from tests.processes import call
from tests.toy import TOPICS, toy_experiment, toy_text
from tfapp import Run
from tfapp.errors import ExportError, SettingsError
from tfapp.registry import read_version_metadata
from tfapp.savedmodel.verify import TOLERANCE, hard_rows
from tfapp.tasks.experiments import load_experiment, parse_experiment
from tfapp.tasks.regression.evaluation_result import RegressionEvaluation
from tfapp.workflows import precision_check
from tfapp.workflows.run_data import load_splits

ROOT = Path(__file__).parents[3]
NUMBERS = {"sport": 900.0, "tech": -250.0, "money": 40.0}
TEXTS = [*(toy_text(topic, 17) for topic in NUMBERS), *hard_rows(1)]


def number_rows(count: int = 180) -> list[dict[str, Any]]:
    """Texts whose number follows from their topic, and queries before them, which say nothing."""
    topics = sorted(TOPICS)
    return [
        {
            "text": toy_text(topics[n % 3], n),
            "query": toy_text(topics[n // 9 % 3], 1000 + n // 3),
            "candidate": toy_text(topics[n % 3], n),
            "label": NUMBERS[topics[n % 3]] + n % 7,
        }
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def number_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("data") / "numbers.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in number_rows()), encoding="utf-8")
    return file


def train(preset: Path, data: Path, runs: Path, task: str = "regression", **training: Any) -> Run:
    values = toy_experiment(preset, data, training={"epochs": 6} | training) | {"task": task}
    return tfapp.fit(parse_experiment(values), runs=runs, quiet=True)


@pytest.fixture(scope="module", params=["regression", pytest.param("pair-regression", marks=pytest.mark.slow)])
def run(request: pytest.FixtureRequest, shallow_preset: Path, number_data: Path, tmp_path_factory: Any) -> Run:
    return train(shallow_preset, number_data, tmp_path_factory.mktemp("runs"), request.param)


@pytest.fixture(scope="module")
def models(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = tmp_path_factory.mktemp("models")
    run.export(models)
    return models


def rows_of(run: Run) -> list[Any]:
    return TEXTS if run.experiment.task == "regression" else [(TEXTS[0], text) for text in TEXTS]


def evaluation_of(run: Run) -> RegressionEvaluation:
    assert isinstance(run.evaluation, RegressionEvaluation)
    return run.evaluation


def test_it_learns_and_says_how_well(run: Run) -> None:
    evaluation = evaluation_of(run)
    values = {measure.name: measure.value for measure in evaluation.measures}
    assert evaluation.main_name == "RMSE"
    assert evaluation.main_score == values["RMSE"] < 250
    assert values["R²"] > 0.7
    assert run.evaluate() == evaluation
    page = run.folder.report.read_text()
    assert all(words in page for words in ("RMSE", "Spearman", "Residuals by range", "Worst rows", "Predicted numbers"))
    assert "Spearman" in run._repr_html_()
    assert evaluation.headline().startswith("RMSE ")


def test_the_best_epoch_is_that_of_the_lowest_error(run: Run) -> None:
    lines = [json.loads(line) for line in run.folder.history.read_text().splitlines()]
    scores = [line["score"] for line in lines if line["event"] == "epoch"]
    assert len(scores) == 6
    assert run.folder.read("finished")["dev_score"] == min(scores)


def test_run_version_clients_and_the_regress_call_answer_alike(run: Run, models: Path) -> None:
    rows = rows_of(run)
    run_scores = run.predict(rows)["score"]
    scale = float(run_scores.std())
    np.testing.assert_allclose(tfapp.predict(models / "toy", rows)["score"], run_scores, atol=1e-4 * scale)

    async def ask(address: str) -> list[float]:
        async with AsyncClient(address) as client:
            regress = client.regress if run.experiment.task == "regression" else client.regress_pairs
            return await regress("toy", rows)

    with tfapp.serve(models) as server:
        answers = asyncio.run(ask(server.address))
        regress = server.client.regress if run.experiment.task == "regression" else server.client.regress_pairs
        assert regress("toy", rows) == pytest.approx(answers, abs=1e-4 * scale)
        np.testing.assert_allclose(answers, run_scores, atol=1e-4 * scale)
        np.testing.assert_allclose(regress_call(server.address, run, rows), run_scores, atol=1e-4 * scale)


def regress_call(address: str, run: Run, rows: list[Any]) -> list[float]:
    """Asks by TensorFlow Serving's Regress call and its tf.Example."""
    request = regression_pb2.RegressionRequest()
    request.model_spec.name, request.model_spec.signature_name = "toy", contract.REGRESS_SIGNATURE
    for row in rows:
        texts = [row] if isinstance(row, str) else row
        example = request.input.example_list.examples.add()
        for name, text in zip(run.predictor.inputs, texts, strict=True):
            example.features.feature[name].bytes_list.value.append(text.encode())
    with grpc.insecure_channel(address) as channel:
        answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).Regress(request)
    return [regression.value for regression in answer.result.regressions]


def test_a_version_knows_that_a_lower_error_is_better(run: Run, models: Path) -> None:
    metadata = read_version_metadata(models, "toy", 1)
    assert metadata.score == ("RMSE", run.evaluation.main_score)
    assert metadata.lower_is_better
    assert metadata.labels == []
    assert metadata.metadata["verified_difference"] <= TOLERANCE * evaluation_of(run).deviation
    call = "client.regress(" if run.experiment.task == "regression" else "client.regress_pairs("
    card = (models / "toy" / "1" / "README.md").read_text()
    assert all(words in card for words in (call, "a number, `score`, in the unit of the labels", "RMSE"))


def test_files_and_texts_are_answered_on_the_command_line(run: Run, models: Path, number_data: Path) -> None:
    pair = run.experiment.task == "pair-regression"
    texts = list(map(str, TEXTS[:2] if pair else TEXTS[1:2]))
    result = call("predict", run.path, *texts, "--json")
    assert result.code == 0, result.err
    (row,) = [json.loads(line) for line in result.out.splitlines()]
    assert row["score"] < 0
    output = call("predict", run.path, *texts).out
    assert f"{row['score']:.3f}" in output
    assert "█" not in output
    file = number_data.with_name(f"{run.experiment.task}.csv")
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, ["text", "query", "candidate", "label"])
        writer.writeheader()
        writer.writerows(number_rows(9))
    assert call("predict", models / "toy", file, "--json").code == 0
    with file.with_name(f"{file.stem}.predictions.csv").open(newline="") as csv_file:
        scores = [float(row["predicted_score"]) for row in csv.DictReader(csv_file)]
    rows = [(row["query"], row["candidate"]) if pair else row["text"] for row in number_rows(9)]
    assert scores == pytest.approx(run.predict(rows)["score"], rel=1e-4)


def test_data_are_described(number_data: Path) -> None:
    result = call("data", "describe", number_data, "--task", "regression", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["rows"] == 180


@pytest.mark.slow
@pytest.mark.parametrize("training", [{"adapt": "head"}, {"adapt": "lora"}], ids=lambda training: training["adapt"])
def test_less_than_all_may_learn(shallow_preset: Path, number_data: Path, tmp_path: Path, training: Any) -> None:
    run = train(shallow_preset, number_data, tmp_path, **training)
    assert {measure.name: measure.value for measure in evaluation_of(run).measures}["R²"] > 0.2


@pytest.mark.parametrize("run", ["regression"], indirect=True)
def test_a_student_learns_from_a_teacher(run: Run, shallow_preset: Path, number_data: Path, tmp_path: Path) -> None:
    values = toy_experiment(shallow_preset, number_data) | {
        "task": "regression",
        "distillation": {"teacher": str(run.path), "layers": 1},
    }
    student = tfapp.fit(parse_experiment(values), runs=tmp_path, quiet=True)
    assert student.evaluation.main_score < 450


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"training": {"method": "few-shot"}}, "training.method is not read by the task regression"),
        ({"model": {"window": 8}}, "model.window is not read by the task regression"),
        ({"data": {"rating": {"center": 3}}}, "data.rating is not read by the task regression"),
        ({"data": {"query": "a"}}, r"data.query is not read by the task regression; its columns of texts are data\.te"),
        ({"training": {"adapt": "head", "word_dropout": 0.1}}, "adapt head is fitted at once to texts as they are"),
    ],
)
def test_settings_that_it_does_not_read_are_refused(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse_experiment(
            {"name": "a", "task": "regression", "data": {"train": "a.csv"}}
            | {name: ({"train": "a.csv"} if name == "data" else {}) | values for name, values in setting.items()}
        )


def test_fewer_bits_are_refused_where_the_error_grows(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision_check, "ALLOWED_LOSS", -1.0)
    with pytest.raises(ExportError, match=r"RMSE on dev is .* in float32, and more than -1 is lost"):
        run.export(tmp_path, overrides=["export.precision=bfloat16"], quiet=True)


@pytest.mark.parametrize("name", ["support-minutes", "support-similarity"])
def test_the_examples_train_at_toy_size(name: str, shallow_preset: Path, tmp_path: Path) -> None:
    file = ROOT / "examples/data" / f"{name}.csv"
    overrides = [f"data.train={file}", f"model.preset={shallow_preset}", "training.epochs=1", "model.max_length=64"]
    experiment = load_experiment(ROOT / "examples" / f"{name}.toml", overrides)
    splits = load_splits(experiment)
    assert splits.report.findings == ()
    run = tfapp.fit(experiment, runs=tmp_path, quiet=True)
    assert run.evaluation.count == splits.test.num_rows > 30
