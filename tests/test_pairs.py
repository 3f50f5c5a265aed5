"""Pairs from a settings file to served answers: ranking and pair classification at toy size."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfapp_client import AsyncClient

import tfapp
from tests.processes import call, complaint
from tests.toy import TOPICS, toy_experiment, toy_text
from tfapp import Run
from tfapp.errors import SettingsError
from tfapp.evaluation import ClassEvaluation
from tfapp.savedmodel.verify import hard_rows
from tfapp.tasks.experiments import load_experiment, parse_experiment
from tfapp.tasks.ranking.evaluation_result import RankingEvaluation
from tfapp.workflows import version_catalogue

ROOT = Path(__file__).parents[1]
PAIRS = [("which ball", toy_text("sport", 901)), ("which tax", toy_text("money", 902)), *hard_rows(2)]


def pair_rows(count: int = 60) -> list[dict[str, Any]]:
    """Queries with a candidate of each topic, of which the one about sport fits."""
    topics = sorted(TOPICS)
    return [
        {"query": toy_text(topics[q % 3], 1000 + q), "candidate": toy_text(topic, q), "label": int(topic == "sport")}
        for q in range(count)
        for topic in topics
    ]


@pytest.fixture(scope="module")
def pair_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("data") / "pairs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in pair_rows()), encoding="utf-8")
    return file


@pytest.fixture(scope="module", params=["ranking", pytest.param("pair-classification", marks=pytest.mark.slow)])
def run(request: pytest.FixtureRequest, shallow_preset: Path, pair_data: Path, tmp_path_factory: Any) -> Run:
    values = toy_experiment(shallow_preset, pair_data) | {"task": request.param}
    return tfapp.fit(parse_experiment(values), runs=tmp_path_factory.mktemp("runs"), quiet=True)


@pytest.fixture(scope="module")
def models(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = tmp_path_factory.mktemp("models")
    run.export(models)
    return models


def test_it_learns_and_says_how_well(run: Run) -> None:
    evaluation = run.evaluation
    # Two thirds of the pairs have the label 0.
    assert evaluation.main_score > 0.8
    if run.experiment.task == "ranking":
        assert isinstance(evaluation, RankingEvaluation)
        assert evaluation.main_name == "nDCG@10"
        assert evaluation.count == 3 * evaluation.queries
    else:
        assert isinstance(evaluation, ClassEvaluation)
        assert evaluation.labels == ("0", "1")
    assert run.evaluate() == evaluation
    page = run.folder.report.read_text()
    assert evaluation.main_name in page
    assert evaluation.main_name in run._repr_html_()


def test_other_data_are_evaluated(run: Run, pair_data: Path) -> None:
    assert run.evaluate(pair_data).count == 180


def numbers(answers: Any) -> np.ndarray:
    return np.asarray(answers["probabilities" if "probabilities" in answers else "score"])


def test_run_version_and_both_clients_answer_alike(run: Run, models: Path) -> None:
    run_answers, exported_answers = run.predict(PAIRS), tfapp.predict(models / "toy", PAIRS)
    np.testing.assert_allclose(numbers(exported_answers), numbers(run_answers), atol=1e-4)
    rows = np.concatenate([numbers(run.predict([pair])) for pair in PAIRS])
    np.testing.assert_allclose(numbers(run_answers), rows, atol=1e-5)

    async def ask(address: str) -> Any:
        async with AsyncClient(address) as client:
            if run.experiment.task == "ranking":
                return await client.score("toy", PAIRS)
            return await client.classify_pairs("toy", PAIRS)

    with tfapp.serve(models) as server:
        answers = asyncio.run(ask(server.address))
        if run.experiment.task == "ranking":
            np.testing.assert_allclose(answers, run_answers["score"], atol=1e-4)
            assert server.client.score("toy", PAIRS) == pytest.approx(answers, abs=1e-6)
            candidates = [toy_text(topic, 907) for topic in ("tech", "sport", "money")]
            ranking = server.client.rank("toy", "which", candidates)
            assert ranking[0].place == 1
            assert [item.score for item in ranking] == sorted((item.score for item in ranking), reverse=True)
        else:
            assert server.client.classify_pairs("toy", PAIRS) == answers
            assert [answer.label for answer in answers] == run_answers["label"].tolist()
            probabilities = [list(answer.probabilities.values()) for answer in answers]
            np.testing.assert_allclose(probabilities, run_answers["probabilities"], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["ranking", "pair-classification"])
def test_what_reads_texts_apart_is_fitted_and_exported(
    task: str, shallow_preset: Path, pair_data: Path, tmp_path: Path
) -> None:
    changes: dict[str, Any] = {"model": {"pair_encoder": "bi"}, "training": {"adapt": "head"}}
    values = toy_experiment(shallow_preset, pair_data, **changes) | {"task": task}
    run = tfapp.fit(parse_experiment(values), runs=tmp_path / "runs", quiet=True)
    assert run.experiment.network.pooling == "mean"
    version = run.export(tmp_path / "models")
    run_numbers = numbers(run.predict(PAIRS))
    np.testing.assert_allclose(numbers(tfapp.predict(version, PAIRS)), run_numbers, atol=1e-4)
    assert np.ptp(run_numbers, axis=0).max() > 0
    assert run.evaluation == run.evaluate()


def test_rows_of_another_form_are_refused(run: Run) -> None:
    with pytest.raises(SettingsError, match=r"row 1: got 'ball'; give a list of \(query, candidate\)"):
        run.predict(["ball"])


def test_a_file_of_pairs_is_scored(run: Run, models: Path, tmp_path: Path) -> None:
    file = tmp_path / "faq.csv"
    with file.open("w", newline="") as out:
        csv.writer(out).writerows([("id", "question", "candidate"), (7, "which ball", "the goal"), (8, "", "tax")])
    columns = ("--column", "query=question")
    assert call("predict", models / "toy", file, *columns, "--json").code == 0
    with (tmp_path / "faq.predictions.csv").open(newline="") as csv_file:
        rows = list(csv.DictReader(csv_file))
    assert [row["id"] for row in rows] == ["7", "8"]
    expected = run.predict([("which ball", "the goal"), ("", "tax")])["score"]
    assert [float(row["predicted_score"]) for row in rows] == pytest.approx(expected, abs=1e-4)
    assert ("predicted_label" in rows[0]) == (run.experiment.task != "ranking")
    message = complaint(call("predict", models / "toy", file))
    assert 'no column "query" (--column query=NAME); columns: "id", "question", "candidate"' in message


def test_a_query_and_its_candidates_are_answered_on_the_command_line(run: Run) -> None:
    result = call("predict", run.path, "which ball", "the goal", "the tax", "--json")
    assert result.code == 0, result.err
    rows = [json.loads(line) for line in result.out.splitlines()]
    assert [(row["query"], row["candidate"]) for row in rows] == [("which ball", "the goal"), ("which ball", "the tax")]
    assert all(0 <= row["score"] <= 1 for row in rows)
    list_result = call("predict", run.path, "which ball", "the goal")
    assert "candidate" in list_result.out


def test_what_is_on_record_names_the_main_measure_first(run: Run, models: Path) -> None:
    (model,) = version_catalogue.describe(models)
    assert model.versions[0].task == run.experiment.task
    assert model.versions[0].score == (run.evaluation.main_name, run.evaluation.main_score)


def test_a_notebook_s_steps_go_the_same_way(run: Run, pair_data: Path) -> None:
    data = tfapp.load_data(str(pair_data), task=run.experiment.task)
    assert data.fingerprint == run.folder.read("data")["fingerprint"]
    assert data.task == run.experiment.task


@pytest.mark.slow
@pytest.mark.parametrize("name", ["faq-ranking", "faq-matching"])
def test_the_examples_train_at_toy_size(name: str, shallow_preset: Path, tmp_path: Path) -> None:
    data = ROOT / "examples/data/faq-answers.csv"
    overrides = [f"data.train={data}", f"model.preset={shallow_preset}", "training.epochs=1"]
    experiment = load_experiment(ROOT / f"examples/{name}.toml", overrides)
    splits = tfapp.load_data(str(data), task=experiment.task, **experiment.data.model_dump(exclude={"train"}))
    assert splits.report.findings == ()
    run = tfapp.fit(experiment, data=splits, runs=tmp_path, quiet=True)
    assert run.folder.is_finished
    assert run.evaluation.count == splits.test.num_rows
