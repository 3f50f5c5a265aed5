"""Answering from a settings file to served answers, at toy size."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfapp_client import Answer, AsyncClient

import tfapp
from tests.answers import toy_questions, write_squad
from tests.processes import call, complaint
from tests.tasks.answering.test_model import TEXTS
from tests.toy import toy_experiment
from tfapp import Run
from tfapp.errors import SettingsError
from tfapp.savedmodel.verify import hard_rows
from tfapp.tasks.answering.evaluation_result import AnswerEvaluation
from tfapp.tasks.experiments import load_experiment, parse_experiment
from tfapp.workflows import version_catalogue

ROOT = Path(__file__).parents[3]
# None of them is among the questions that were learnt; the second has no answer.
(ONE, NONE) = ((row["question"], row["context"]) for row in (toy_questions(168)[160], toy_questions(168)[163]))
ASKED = [ONE, NONE, ("which trade ?", "Crème ﬁne 👍🏽 the new báṇk says " + "more " * 60)]


@pytest.fixture(scope="module")
def squad_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_squad(tmp_path_factory.mktemp("data") / "toys.json", toy_questions())


def experiment_on(preset: Path, data: Path, **model: Any) -> Any:
    values = toy_experiment(preset, data, training={"epochs": 4})
    values["model"] = {"preset": str(preset), "max_length": 16} | model
    return parse_experiment(values | {"task": "answering"})


@pytest.fixture(scope="module")
def run(shallow_preset: Path, squad_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return tfapp.fit(experiment_on(shallow_preset, squad_file), runs=tmp_path_factory.mktemp("runs"), quiet=True)


@pytest.fixture(scope="module")
def models(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = tmp_path_factory.mktemp("models")
    run.export(models)
    return models


def test_it_learns_and_says_how_well(run: Run, squad_file: Path) -> None:
    evaluation = run.evaluation
    assert isinstance(evaluation, AnswerEvaluation)
    # The same answer to all questions is right of a quarter of them.
    assert evaluation.main_score > 0.8
    assert {"right without an answer", "F1 with an answer"} <= set(evaluation.metrics())
    assert evaluation.threshold is not None
    assert run.evaluate() == evaluation
    assert run.evaluate(squad_file).count == 160
    page = run.folder.report.read_text(encoding="utf-8")
    assert "exact match" in page
    assert "F1" in run._repr_html_()


@pytest.mark.slow
def test_run_version_and_both_clients_answer_alike(run: Run, models: Path) -> None:
    rows = [*ASKED, *hard_rows(2)]
    run_answers, exported_answers = run.predict(rows), tfapp.predict(models / "toy", rows)
    assert run_answers["answer"].tolist()[:2] == ["ball", ""]
    for name in ("answer", "start", "end"):
        assert exported_answers[name].tolist() == run_answers[name].tolist()
    np.testing.assert_allclose(exported_answers["score"], run_answers["score"], atol=1e-4)

    async def ask(address: str) -> list[Answer]:
        async with AsyncClient(address) as client:
            return await client.answer("toy", rows)

    with tfapp.serve(models) as server:
        answers = asyncio.run(ask(server.address))
        assert server.client.answer("toy", rows) == answers
    for answer, (_, context), text in zip(answers, rows, run_answers["answer"], strict=True):
        assert answer.text == text == (context[answer.start : answer.end] if answer.start >= 0 else "")
    assert [answer.score for answer in answers] == pytest.approx(run_answers["score"].tolist(), abs=1e-4)


@pytest.fixture(scope="module")
def loaded_model(models: Path) -> Any:
    return tf.saved_model.load(str(models / "toy" / "1"))


@settings(max_examples=60)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=3))
def test_the_served_answer_stands_in_the_very_context(loaded_model: Any, rows: list[tuple[str, str]]) -> None:
    questions, contexts = (tf.constant(list(column)) for column in zip(*rows, strict=True))
    outputs = loaded_model.signatures["serving_default"](question=questions, context=contexts)
    answers = zip(*(outputs[name].numpy().tolist() for name in ("answer", "start", "end")), strict=True)
    for (answer, start, end), (_, context) in zip(answers, rows, strict=True):
        assert answer.decode() == (context[start:end] if start >= 0 else "")


def test_what_is_on_record_names_the_main_measure_first(run: Run, models: Path) -> None:
    (model,) = version_catalogue.describe(models)
    assert model.versions[0].task == "answering"
    assert model.versions[0].score == ("F1", run.evaluation.main_score)
    card = (models / "toy" / "1" / "README.md").read_text(encoding="utf-8")
    assert 'client.answer("toy", [("a question", "a context")])' in card
    assert "in windows of 16 tokens" in card


def test_files_are_scored(models: Path, tmp_path: Path) -> None:
    version = models / "toy"
    assert call("predict", version, write_squad(tmp_path / "few.json", toy_questions(40)), "--json").code == 0
    lines = (tmp_path / "few.predictions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == 40
    for row in rows:
        text = row["context"][row["predicted_start"] : row["predicted_end"]] if row["predicted_start"] >= 0 else ""
        assert row["predicted_answer"] == text
    assert {"id", "question", "context", "predicted_score"} <= rows[0].keys()
    (tmp_path / "a.csv").write_text("ask,context\nwhich match ?,the goal today\n", encoding="utf-8")
    assert "--column question=NAME" in complaint(call("predict", version, tmp_path / "a.csv"))


def test_a_question_is_answered_on_the_command_line(models: Path, run: Run) -> None:
    result = call("predict", models / "toy", *ONE, NONE[1], "--json")
    assert result.code == 0, result.err
    answer, no_answer = (json.loads(line) for line in result.out.splitlines())
    start = ONE[1].index("ball")
    assert (answer["answer"], answer["start"], answer["end"]) == ("ball", start, start + 4)
    assert (no_answer["answer"], no_answer["start"], no_answer["end"]) == ("", -1, -1)
    output = call("predict", models / "toy", *ONE, NONE[1]).out
    assert "ball" in output
    assert "none" in output
    with pytest.raises(SettingsError, match=r"give a list of \(question, context\)"):
        run.predict(["which match ?"])


def test_init_proposes_the_task(squad_file: Path, shallow_preset: Path, tmp_path: Path) -> None:
    result = call("init", squad_file, "-o", tmp_path / "a.toml")
    assert result.code == 0, result.err
    experiment = load_experiment(tmp_path / "a.toml")
    assert experiment.task == "answering"
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in toy_questions(20)), encoding="utf-8")
    assert call("init", rows, "-o", tmp_path / "b.toml").code == 0
    assert load_experiment(tmp_path / "b.toml").data.model_dump()["answer"] == "answers"
    (tmp_path / "c.csv").write_text("question,context\nq,c\n", encoding="utf-8")
    assert 'no column "answer" or "answers"' in complaint(call("init", tmp_path / "c.csv"))


@pytest.mark.parametrize(
    ("section", "setting", "value"), [("model", "window", 64), ("data", "label", "x"), ("model", "pooling", "mean")]
)
def test_settings_of_other_tasks_are_refused(section: str, setting: str, value: Any) -> None:
    values: dict[str, Any] = {"name": "a", "task": "answering", "data": {"train": "a.json"}, "model": {}}
    values[section][setting] = value
    with pytest.raises(SettingsError, match=rf"{section}\.{setting} is not read by the task answering"):
        parse_experiment(values)


def test_settings_of_answering_are_its_own() -> None:
    with pytest.raises(SettingsError, match=r"model\.stride is not read by the task classification"):
        parse_experiment({"name": "a", "data": {"train": "a.csv"}, "model": {"stride": 8}})


def test_a_notebook_s_steps_go_the_same_way(run: Run, squad_file: Path) -> None:
    data = tfapp.load_data(str(squad_file), task="answering")
    assert data.fingerprint == run.folder.read("data")["fingerprint"]
    assert not data.multi_label


@pytest.mark.slow
def test_the_example_trains_at_toy_size(shallow_preset: Path, tmp_path: Path) -> None:
    data = ROOT / "examples/data/shop-policies.json"
    overrides = [f"data.train={data}", f"model.preset={shallow_preset}", "training.epochs=1", "model.max_length=64"]
    overrides += ["training.batch_size=32", "model.stride=40"]
    experiment = load_experiment(ROOT / "examples/shop-policies.toml", overrides)
    splits = tfapp.load_data(str(data), task="answering", **experiment.data.model_dump(exclude={"train"}))
    assert splits.report.findings == ()
    for counts in splits.report.label_counts.values():
        assert counts["answer"] > counts["no answer"] > 0
    run = tfapp.fit(experiment, data=splits, runs=tmp_path, quiet=True)
    assert run.evaluation.count == splits.test.num_rows
